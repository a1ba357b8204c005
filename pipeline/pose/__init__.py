"""Pose networks: presets and checkpoints, and what runs them."""
