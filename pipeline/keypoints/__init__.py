"""Frames to chunks to one keypoints file."""
