"""Calls to the providers: the parts that all share, and one package for each provider."""
