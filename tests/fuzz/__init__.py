"""The running product against `/openapi.json`: generated requests, and a generated client."""
