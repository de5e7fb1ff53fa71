"""Makes and reads the tokens of unsubscribe links in mails."""
