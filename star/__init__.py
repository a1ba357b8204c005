"""The front door: every command of both stages under one name."""
