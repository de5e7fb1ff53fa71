"""Makes and reads unsubscribe links."""
