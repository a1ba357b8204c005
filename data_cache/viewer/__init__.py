"""The skeleton viewer: a page, served on this machine only, that shows a keypoints file over its frames."""
