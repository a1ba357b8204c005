"""Files on disk: outputs written whole or not at all, one writer at a time; frames read inside their root."""
