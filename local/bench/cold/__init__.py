"""Cold starts as in Lambda: packages, execution environments and their share of a processor."""
