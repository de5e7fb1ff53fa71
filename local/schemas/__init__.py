"""Writes docs/schemas/: JSON Schemas of the configuration and of events, made from what reads them."""
