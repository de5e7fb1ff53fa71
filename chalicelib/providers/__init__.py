"""Calls the providers: what all share, and one package for each."""
