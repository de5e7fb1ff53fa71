"""Describes the HTTP interface for machines (OpenAPI 3.1), from the routes and the definitions that read and answer.

Loaded only where the description is asked for.
"""
