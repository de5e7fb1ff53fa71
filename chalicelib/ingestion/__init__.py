"""Reads bodies, verifies signatures, parses events, and stores them durably before they are acknowledged."""
