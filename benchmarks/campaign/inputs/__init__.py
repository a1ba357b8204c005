"""Every kind of file that the commands read, with the reader that they use."""
