"""Stage one: tracklets of JPEG frames to keypoints, edges and graphs in HDF5."""
