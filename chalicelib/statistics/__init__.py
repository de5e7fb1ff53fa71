"""Collects campaign figures from providers and stores them as snapshots."""
