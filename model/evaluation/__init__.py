"""Evaluation: the features of a split's tracks, ranked in both directions, and the two files that say the outcome."""
