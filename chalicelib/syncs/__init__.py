"""Syncs: contacts that come as a whole, inline or from a file, and become one signup each."""
