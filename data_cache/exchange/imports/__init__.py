"""Skeletons from other projects' files, brought into line with the frames of a split, as a keypoints file."""
