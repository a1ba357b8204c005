"""Readers of other programs' files, a file a format, and of what they are written in: JSON, pickles."""
