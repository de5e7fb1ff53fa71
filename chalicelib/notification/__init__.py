"""Wakes workers by small queue messages."""
