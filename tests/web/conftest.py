"""The product's HTTP routes over substitutes for all surroundings."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.web.gateway import Gateway
from tests.web.surroundings import Answer, Send, World, ask, gateway_event, make_app, make_settings


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def app(world: World) -> Gateway:
    return make_app(world, make_settings())


@pytest.fixture
def send(app: Gateway) -> Send:
    """`send(method, path, headers=None, body=None, base64=False)`: the answer, checked for what every one must have."""

    def request(*args: Any, **kwargs: Any) -> Answer:
        answer = ask(app, gateway_event(*args, **kwargs))
        assert answer.headers["x-request-id"] == "gateway-request-1"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        return answer

    return request
