"""Which frames a split has, and what is in them: one file that later stages depend on in place of the tree."""
