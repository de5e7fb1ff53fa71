"""Reads and checks the TOML configuration; resolves its secrets."""
