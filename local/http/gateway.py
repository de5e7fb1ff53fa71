"""The HTTP server in front of the HTTP function: every request a proxy event, every answer translated back."""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from local.description import Api
from local.http import proxy
from local.http.own_answers import own_answer
from local.http.proxy import HttpAnswer, HttpRequest
from local.http.routing import Resources
from local.lambdas.functions import FunctionFailed, NoEnvironment

_log = logging.getLogger(__name__)

MAX_BODY_BYTES = 10 * 1024 * 1024
_MAX_EVENT_BYTES = 6 * 1024 * 1024
_TIMEOUT_SECONDS = 29.0


class Gateway:
    """A REST API of one function. `invoke` runs it with an event and a limit on the wait for an environment."""

    def __init__(self, api: Api, invoke: Callable[[Any, float], Any], clock: Callable[[], datetime]) -> None:
        self._api = api
        self._resources = Resources(api.methods)
        self._invoke = invoke
        self._clock = clock

    def refuse(self, kind: str) -> HttpAnswer:
        """An answer of the gateway's own to what never became a request."""
        return own_answer(kind, self._api.own_answers, str(uuid.uuid4()))

    def handle(self, request: HttpRequest) -> HttpAnswer:
        """The answer to `request`; never raises for anything that a client can send."""
        request_id = str(uuid.uuid4())
        found = self._resources.find(request.method, request.path)
        if found is None:
            return own_answer("MISSING_AUTHENTICATION_TOKEN", self._api.own_answers, request_id)
        event = proxy.event(request, *found, self._api, request_id, self._clock())
        if len(request.body) > _MAX_EVENT_BYTES // 2 and len(json.dumps(event)) > _MAX_EVENT_BYTES:
            return own_answer("REQUEST_TOO_LARGE", self._api.own_answers, request_id)
        started = time.monotonic()
        try:
            result = self._invoke(event, _TIMEOUT_SECONDS)
            answer = proxy.answer(result)
        except (FunctionFailed, NoEnvironment, proxy.Malformed) as failure:
            # The function logs what went wrong; a path may hold a token and a message an address.
            _log.error("no answer to a %s request: %s", request.method, type(failure).__name__)
            late = time.monotonic() - started >= _TIMEOUT_SECONDS
            return own_answer("INTEGRATION_TIMEOUT" if late else "BAD_GATEWAY", self._api.own_answers, request_id)
        return HttpAnswer(answer.status, (*answer.headers, ("x-amzn-RequestId", request_id)), answer.body)
