"""From a result back to the frames: what every file on the way says it was made from, and whether that is still so."""
