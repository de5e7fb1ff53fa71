"""What is told to the store, and what it tells, must be the same on every DynamoDB."""

from __future__ import annotations

from tests.support.backends import every_dynamodb as dynamodb

__all__ = ["dynamodb"]
