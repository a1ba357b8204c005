"""Trees of the data sets, each read into the one description of a split, and what is wrong with them."""
