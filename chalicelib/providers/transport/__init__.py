"""The HTTP client of the providers: requests and answers as values, the session, its connections, the SSRF guard."""
