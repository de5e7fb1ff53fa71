"""The embedded AWS: moto behind a small HTTP server, as a process of its own."""
