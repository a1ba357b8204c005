"""Measurements side by side, printed as ratios."""
