"""HTML pages and their texts."""
