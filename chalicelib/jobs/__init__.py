"""Runs long work: claim, recorded progress, retries and final status."""
