"""The base of long work: a lease, progress, retries, and the end."""
