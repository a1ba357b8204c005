"""Keypoints to edges (eqs 1, 2) and graphs (eqs 8, 9), streamed."""
