"""Forgets persons and exports the data stored about them."""
