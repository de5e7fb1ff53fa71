"""Collects campaign figures from providers and keeps them as snapshots."""
