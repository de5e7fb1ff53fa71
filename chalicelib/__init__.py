"""Relais: events from web forms and back ends to e-mail marketing providers, and their campaign statistics."""

__version__ = "0.1.0"
"""As in `pyproject.toml`, which is not deployed."""
