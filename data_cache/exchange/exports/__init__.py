"""Keypoints in the formats of other projects' tools, a file a format."""
