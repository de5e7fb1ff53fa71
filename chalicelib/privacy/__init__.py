"""Forgets and exports what is held about a person."""
