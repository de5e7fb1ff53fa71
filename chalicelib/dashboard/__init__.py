"""Reads what the dashboard's pages show, at one query a block."""
