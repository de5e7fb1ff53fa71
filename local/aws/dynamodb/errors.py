"""Errors of DynamoDB as the service names them; the HTTP and the client interface turn them into their own form."""

from __future__ import annotations

from typing import Any


class DynamoError(Exception):
    """An error answer: `code` is the exception's name, `members` are its fields besides the message."""

    def __init__(self, code: str, message: str, **members: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.members = members


def invalid(message: str) -> DynamoError:
    """Returns a ValidationException."""
    return DynamoError("ValidationException", message)


def invalid_value(message: str) -> DynamoError:
    """Returns a ValidationException about a parameter's value."""
    return invalid(f"One or more parameter values were invalid: {message}")


def not_found(message: str = "Requested resource not found") -> DynamoError:
    """Returns a ResourceNotFoundException."""
    return DynamoError("ResourceNotFoundException", message)


def condition_failed(item: dict[str, Any] | None) -> DynamoError:
    """Returns a ConditionalCheckFailedException, with the present item if the request wants it."""
    members = {} if item is None else {"Item": item}
    return DynamoError("ConditionalCheckFailedException", "The conditional request failed", **members)
