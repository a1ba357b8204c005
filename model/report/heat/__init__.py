"""Heat maps and body parts: where the network looks in a clip."""
