"""Enqueues pending events that no message announces: sweep every minute, a pass over the whole ledger every night."""
