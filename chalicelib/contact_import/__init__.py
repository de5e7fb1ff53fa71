"""Imports contacts, inline or from a CSV file, as one signup each."""
