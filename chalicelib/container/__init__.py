"""Builds the dependencies of the handlers, each on first use."""
