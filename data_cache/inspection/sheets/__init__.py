"""Skeletons drawn over frames: contact sheets of a split or a tracklet."""
