"""What is wrong with an unpacked data set."""
