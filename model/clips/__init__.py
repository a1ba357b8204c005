"""Tracks to clips to batches, and every random number on the way. Knows no framework."""
