"""The embedded AWS: a DynamoDB of our own, and moto for the rest, behind a small HTTP server in its own process."""
