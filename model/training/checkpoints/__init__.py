"""What a training leaves to go on from: files, what they say of themselves, and whether one may go on from them."""
