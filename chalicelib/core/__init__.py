"""Pure decisions over values: no I/O, no clock, no randomness, no provider's name. Everything here is handed in."""
