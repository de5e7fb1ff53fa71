"""Reads batches of items from DynamoDB and retries unprocessed keys, for every store.

boto3 retries failed calls. It does not retry the keys that a successful call left unprocessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..domain.backoff import backoff_seconds
from ..effects import Effects
from ..observability.instrumentation import seconds_left

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

BATCH_GET_LIMIT = 100
"""Maximum number of keys in one BatchGetItem."""
ATTEMPTS = 8
"""Calls per batch: they wait about three seconds in total on average, a little more than five at most."""
FIRST_WAIT_SECONDS = 0.05
LONGEST_WAIT_SECONDS = 2.0
RESERVED_SECONDS = 1.0
"""Reserved at the end of an invocation to log and report that the table did not answer."""


class KeysUnprocessed(Exception):
    """DynamoDB did not process all keys within the attempts, or within the time of the invocation."""


def batch_get(
    client: DynamoDBClient, table: str, keys: Sequence[Mapping[str, Any]], effects: Effects
) -> list[dict[str, Any]]:
    """Reads the existing items of at most `BATCH_GET_LIMIT` keys consistently; keys and items in DynamoDB JSON.

    Retries unprocessed keys after exponential back-off with jitter, `ATTEMPTS` calls in total, and never waits beyond
    the end of the running invocation. Raises KeysUnprocessed, and botocore's ClientError and BotoCoreError.
    """
    unprocessed: Any = list(keys)
    items: list[dict[str, Any]] = []
    for attempt in range(ATTEMPTS):
        if not unprocessed:
            break
        if attempt:
            _wait(attempt, effects)
        answer: Any = client.batch_get_item(RequestItems={table: {"Keys": unprocessed, "ConsistentRead": True}})
        items += answer["Responses"].get(table, [])
        unprocessed = answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", [])
    if unprocessed:
        raise KeysUnprocessed(f"{len(unprocessed)} keys unprocessed after {ATTEMPTS} attempts")
    return items


def _wait(attempt: int, effects: Effects) -> None:
    wait = backoff_seconds(attempt - 1, FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS, effects.chance())
    left = seconds_left()
    if left is not None and wait > left - RESERVED_SECONDS:
        raise KeysUnprocessed(f"keys unprocessed after {attempt} attempts, and no time left for another")
    effects.sleep(wait)
