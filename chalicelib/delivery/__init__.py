"""Delivers stored events to providers: claims, batches, bisection of refused batches, pauses of accounts in trouble."""
