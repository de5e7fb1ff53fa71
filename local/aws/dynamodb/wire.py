"""DynamoDB's HTTP interface: JSON 1.0, the operation in `X-Amz-Target`, a checksum of the answer's body."""

from __future__ import annotations

import base64
import json
import logging
import uuid
import zlib
from collections.abc import Mapping
from typing import Any

from .engine import Engine
from .errors import DynamoError

_log = logging.getLogger(__name__)
PREFIX = "DynamoDB_20120810."
_CONTENT_TYPE = "application/x-amz-json-1.0"
_NAMESPACES = {
    "ValidationException": "com.amazon.coral.validate#",
    "SerializationException": "com.amazon.coral.service#",
    "UnknownOperationException": "com.amazon.coral.service#",
}
_ENCODER = json.JSONEncoder(separators=(",", ":"), default=lambda value: _encoded(value), check_circular=False)

Response = tuple[int, list[tuple[str, str]], bytes]


class Wire:
    """Engines by region, for requests over HTTP."""

    def __init__(self) -> None:
        self._engines: dict[str, Engine] = {}

    def answer(self, target: str, region: str, body: bytes) -> Response:
        """Returns status, headers without Content-Length, and body of the answer to a request."""
        engine = self._engines.get(region)
        if engine is None:
            engine = self._engines[region] = Engine(region)
        try:
            request = _parsed(body)
            with engine.lock:
                return _response(200, _ENCODER.encode(engine.call(target.removeprefix(PREFIX), request)))
        except DynamoError as error:
            return _response(400, _ENCODER.encode(_error_body(error)))
        except Exception:  # no request may end the server
            _log.exception("DynamoDB request failed: %s", target)
            failure = DynamoError("InternalServerError", "Internal server error")
            return _response(500, _ENCODER.encode(_error_body(failure)))

    def reset(self) -> None:
        """Deletes every table of every region."""
        self._engines.clear()


def _parsed(body: bytes) -> Mapping[str, Any]:
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        raise DynamoError("SerializationException", "Start of structure or map found where not expected.") from None
    if not isinstance(request, dict):
        raise DynamoError("SerializationException", "Start of structure or map found where not expected.")
    return request


def _error_body(error: DynamoError) -> dict[str, Any]:
    kind = _NAMESPACES.get(error.code, "com.amazonaws.dynamodb.v20120810#") + error.code
    name = "Message" if error.code == "TransactionCanceledException" else "message"
    return {"__type": kind, name: error.message, **error.members}


def _response(status: int, text: str) -> Response:
    body = text.encode()
    headers = [
        ("Content-Type", _CONTENT_TYPE),
        ("x-amzn-requestid", uuid.uuid4().hex.upper()),
        ("x-amz-crc32", str(zlib.crc32(body))),
    ]
    return status, headers, body


def _encoded(value: object) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    raise TypeError(f"no JSON for a {type(value).__name__}")
