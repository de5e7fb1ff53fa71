"""The pages that a visitor sees, and their texts."""
