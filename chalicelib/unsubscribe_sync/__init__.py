"""Reads unsubscribes from the providers and propagates them to all other accounts."""
