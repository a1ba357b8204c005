"""Skeletons from other projects' files, a file a format, as a keypoints file."""
