"""BUPTCampus on disk: paths, lists of tracks, published numbers."""
