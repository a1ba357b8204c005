"""A local page to look into a keypoints file."""
