"""Builds everything that the handlers use, each part when it is first needed."""
