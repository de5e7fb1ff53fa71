"""Fixtures of the stores, which behave the same on the embedded DynamoDB and on DynamoDB Local."""

from __future__ import annotations

from tests.support.dynamodb_backends import every_dynamodb as dynamodb

__all__ = ["dynamodb"]
