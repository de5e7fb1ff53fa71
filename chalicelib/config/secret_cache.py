"""Fetches referenced secrets and caches them for five minutes.

Uses boto3 directly and not Powertools' parameters, which neither serve the last value while AWS fails nor limit forced
fetches.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from .. import aws, names
from ..domain import strict_json
from ..domain.errors import RelaisError
from ..domain.single_flight import SingleFlightCache
from ..effects import Clock, system_clock
from .secret_references import Reference

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

KEEP_SECONDS = 300.0
"""How long a fetched value is used before it is fetched again."""
RETRY_SECONDS = 30.0
"""How long a stale value is served before the next attempt, and the minimum interval of forced fetches."""

_REMEDIES = {
    "ResourceNotFoundException": "there is no such secret in this region's Secrets Manager",
    "ParameterNotFound": "there is no such parameter in this region's Parameter Store",
    "AccessDeniedException": "this function's role may not read it",
    "DecryptionFailure": "its KMS key cannot be used to decrypt it",
    "InvalidRequestException": "it is marked for deletion",
}


class Unreadable(RelaisError):
    """A reference that cannot be resolved now. The text is the reason, without any value."""


class Vault:
    """Resolves references. Thread-safe."""

    def __init__(self, environ: Mapping[str, str] = os.environ, clock: Clock = system_clock) -> None:
        self._environ = environ
        self.stage = names.stage(environ)
        """What `{stage}` in a reference means."""
        self._clock = clock
        self._caches: dict[Reference, SingleFlightCache[str]] = {}
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return "Vault()"

    def read(self, reference: Reference, *, fresh: bool = False) -> str:
        """Returns the value of `reference`, at most 300 s old while AWS answers.

        `fresh` forces a fetch, at most once in 30 s, so that a wrong key cannot cause a storm of calls. When AWS does
        not answer, the last known value is served. Raises `Unreadable` when there is none.
        """
        if reference.kind == "env":
            return self._variable(reference.name)
        whole = reference.whole
        cache = self._cache(whole)
        value = cache.get(lambda: self._fetch(whole), refused=cache.cached if fresh else None).value
        return value if reference.json_key is None else _pick(value, reference.json_key)

    def has(self, variable: Reference) -> bool:
        """Returns whether the environment has a value for an `env:` reference."""
        return bool(self._environ.get(variable.name))

    def _cache(self, whole: Reference) -> SingleFlightCache[str]:
        with self._lock:
            if whole not in self._caches:
                self._caches[whole] = SingleFlightCache(
                    str(whole),
                    lambda: (self._clock().timestamp(),),
                    seconds=KEEP_SECONDS,
                    refresh_seconds=RETRY_SECONDS,
                    stale_seconds=RETRY_SECONDS,
                    on_stale=lambda error: _warn_stale(whole, str(error)),
                )
            return self._caches[whole]

    def _variable(self, name: str) -> str:
        value = self._environ.get(name)
        if not value:
            raise Unreadable("the environment variable is not set" if value is None else "the variable is empty")
        return value

    def _fetch(self, whole: Reference) -> str:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            value = self._ask(whole)
        except ClientError as error:
            raise Unreadable(_reason(error)) from error
        except BotoCoreError as error:
            raise Unreadable(f"AWS cannot be reached or used ({type(error).__name__})") from error
        if value is None:
            raise Unreadable("it holds binary data; a text is needed")
        return value

    def _ask(self, whole: Reference) -> str | None:
        if whole.kind == "secret":
            answer = self._client("secretsmanager").get_secret_value(SecretId=whole.name)
            text: str | None = answer.get("SecretString")
            return text
        answer = self._client("ssm").get_parameter(Name=whole.name, WithDecryption=True)
        parameter: str = answer["Parameter"]["Value"]
        return parameter

    def _client(self, service: Literal["secretsmanager", "ssm"]) -> Any:
        with self._lock:
            if service not in self._clients:
                # Two quick attempts: a web request may be waiting, and a known value is served when both fail.
                retries = {"total_max_attempts": 2}
                self._clients[service] = aws.client(service, connect_timeout=2, read_timeout=4, retries=retries)
            return self._clients[service]


SHARED = Vault()
"""The vault of the process, so that all users of a secret share one fetch."""


def _pick(text: str, json_key: str) -> str:
    """Returns the value under `json_key` of a secret that is a JSON object. Errors contain nothing of the text."""
    document = _json(text)
    if not isinstance(document, dict):
        raise Unreadable(
            f'it is not a JSON object, so it has no key "{json_key}"; leave #{json_key} out to take it whole'
        )
    if json_key not in document:
        raise Unreadable(f'its JSON has no key "{json_key}"')
    value = document[json_key]
    if not isinstance(value, str | int) or isinstance(value, bool) or value == "":
        raise Unreadable(f'its JSON key "{json_key}" does not hold a text')
    return str(value)


def _json(text: str) -> Any:
    try:
        return strict_json.load(text)
    except ValueError:
        return None


def _reason(error: ClientError) -> str:
    """Returns AWS's error as a remedy, else its code only: its message may contain anything."""
    code = str(error.response.get("Error", {}).get("Code", "unknown error"))
    return _REMEDIES.get(code, f"AWS refuses it ({code})")


def _warn_stale(whole: Reference, reason: str) -> None:
    from ..observability import logger

    logger.warning("secret not refreshed, last known value in use", extra={"reference": str(whole), "reason": reason})
