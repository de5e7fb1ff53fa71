"""Makes an operator's call once for each idempotency key, however often it arrives.

`aws lambda invoke` repeats a call that takes longer than a minute, Lambda one that came asynchronously and failed, and
a person one whose answer was lost. A repeat waits for the first call, and gets its answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from ..delivery.deadline import Deadline
from ..domain.errors import Kind, LedgerUnavailable, ProviderError
from ..domain.ids import ID_RULE, is_valid_id
from ..ledger.operator_calls import EarlierCall, NewCall, OperatorCallStore
from ..observability import logger
from ..observability.redaction import redacted
from ..services import Services
from .call_input import failed, wrong
from .functions import EFFECTS, KEY, Effect, changes

MOST_KEPT = 64 * 1024
"""Bytes of an answer that is kept for repeats."""
WAIT_SECONDS = 1.0
"""Between two looks at a call that still runs."""
Run = Callable[[Mapping[str, Any]], dict[str, Any]]

_UNKNOWN = (
    "the first call with this idempotency_key was cut off, and may have changed something or not: look, and if it did "
    "not, call again with another key"
)
_RUNNING = "the first call with this idempotency_key still runs: call again with the same key for its answer"
_NOT_BEGUN = "nothing was done: call again with the same key"


def call_once(
    services: Services, function: str, event: Mapping[str, Any], deadline: Deadline, run: Run
) -> dict[str, Any]:
    """Returns what `run` answers to the event without its key, or what it answered to the first call with that key.

    Calls that only read are made each time. An error that left nothing behind, or a rest to do, frees the key: a
    repeat tries again. Addresses and secrets are taken out of what is kept. Raises what `run` raises.
    """
    key, asked = event[KEY], {name: value for name, value in event.items() if name != KEY}
    if not changes(function, asked):
        return run(asked)
    if not isinstance(key, str) or not is_valid_id(key):
        return failed(wrong(f"{KEY} is wrong", f"it {ID_RULE}"))
    content = json.dumps([function, asked], sort_keys=True).encode()
    try:
        store = OperatorCallStore(services.table)
        digest = services.address_keys.digest(content)
        call = NewCall(function, key, digest, services.effects.token(), deadline.lease_until)
        earlier = _begin(services, store, call, deadline)
    except LedgerUnavailable as error:
        return failed(f"{error}; {_NOT_BEGUN}")
    if earlier is None:
        return _make(services, store, call, lambda: run(asked))
    if not services.address_keys.matches(content, earlier.digest):
        return failed(wrong(f"this {KEY} was used for another call", "each call takes a key of its own"))
    if earlier.answer is not None:
        logger.info("operator call repeated")
        answer: dict[str, Any] = json.loads(earlier.answer)
        return answer
    if earlier.ends_at < services.effects.clock():
        return failed(ProviderError(Kind.UNKNOWN, _UNKNOWN))
    return failed(_RUNNING)


def _begin(services: Services, store: OperatorCallStore, call: NewCall, deadline: Deadline) -> EarlierCall | None:
    """Begins a call, as soon as an earlier one that runs has ended. Returns the earlier one if it stands in the way."""
    takes_over = EFFECTS[call.function] is Effect.CONTINUED
    while True:
        now = services.effects.clock()
        earlier = store.begin(call, now, takes_over=takes_over)
        if earlier is None or earlier.digest != call.digest or earlier.answer is not None or earlier.ends_at < now:
            return earlier
        if deadline.seconds_left <= WAIT_SECONDS:
            return earlier
        services.effects.sleep(WAIT_SECONDS)


def _make(
    services: Services, store: OperatorCallStore, call: NewCall, run: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """Makes a call and records how it ended; a failure to record it does not hide the answer."""
    try:
        answer = run()
    except BaseException:
        _record(lambda: store.cut_off(call, services.effects.clock()))
        raise
    _record(lambda: store.end(call, _kept(answer)))
    return answer


def _record(write: Callable[[], None]) -> None:
    try:
        write()
    except LedgerUnavailable as error:
        logger.error("end of operator call not recorded", extra={"error": str(error)})


def _kept(answer: Mapping[str, Any]) -> str | None:
    """Returns the answer as repeats get it; None where a repeat should try again."""
    error = answer.get("error")
    if isinstance(error, Mapping) and error.get("kind") != Kind.UNKNOWN.value:
        return None
    text = json.dumps(redacted(answer))
    if len(text) <= MOST_KEPT:
        return text
    kilobytes = len(text) // 1024
    warning = f"the first call with this {KEY} has succeeded; its answer of {kilobytes} KB was too large to keep"
    return json.dumps({"result": None, "warning": warning})
