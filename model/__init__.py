"""Stage two: the STAR network and its training. Empty until the network lands."""
