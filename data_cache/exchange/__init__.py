"""Skeletons from and for other tools: what is written and read, format by format."""
