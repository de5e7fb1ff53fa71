"""Runs long work: lease, recorded progress, retries and final status."""
