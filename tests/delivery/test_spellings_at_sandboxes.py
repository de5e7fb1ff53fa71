"""Signing up and unsubscribing under any two spellings of one mailbox ends unsubscribed at all three sandboxes."""

from __future__ import annotations

import itertools
import os
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from chalicelib.config.load import load
from chalicelib.domain.addresses import readings
from local.sandbox import Control, Sandbox, sample_config, start as start_sandbox
from local.sandbox.mymailmarket.samples import NEWSLETTER
from tests.support.aws import TestAws
from tests.support.examples import examples
from tests.support.product import Product

pytestmark = [pytest.mark.server, pytest.mark.no_cover]

DOMAINS = ("example.com", "müller.example", "straße.example", "пример.example", "mail.example.com")
LOCALS = ("zoe", "zoé", "ana.roe", "v1+news", "o'neil")
INVISIBLE = st.sampled_from(["", "\u200b", "\ufeff", "\u2060", "\u00ad"])
CASES: tuple[Callable[[str], str], ...] = (str, str.upper, str.title)
DECORATIONS = ("{}", "<{}>", "Ana Roe <{}>", "mailto:{}", '"{}"', "{}.", "{} ,", " {}\t", "«{}»")


@st.composite
def spellings(draw: st.DrawFn, decorations: tuple[str, ...]) -> Callable[[str, str], str]:
    """A way to write an address, given its local part and its domain."""
    case, form = draw(st.sampled_from(CASES)), draw(st.sampled_from(["NFC", "NFD"]))
    as_a_label, before, beside = draw(st.booleans()), draw(INVISIBLE), draw(st.sampled_from(["", " ", "\u200b"]))
    decoration = draw(st.sampled_from(decorations))

    def write(local: str, domain: str) -> str:
        if as_a_label:
            domain = readings(f"a@{domain}")[0].clean.removeprefix("a@")
        elif case is str.upper and "ß" in domain:
            return decoration.format(f"{before}{local}{beside}@{domain}")  # its upper case is another domain
        address = unicodedata.normalize(form, f"{case(local)}{beside}@{case(domain)}")
        return decoration.format(before + address)

    return write


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with start_sandbox() as running:
        yield running


@pytest.fixture
def product(resources: TestAws, sandbox: Sandbox, tmp_path: Path) -> Product:
    config = tmp_path / "relais.toml"
    config.write_text(sample_config(sandbox.url))
    return Product(load(config, os.environ), providers={})


_NUMBERS = itertools.count(1)


@settings(max_examples=examples(15), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(LOCALS),
    st.sampled_from(DOMAINS),
    spellings(("{}", " {}")),
    spellings(DECORATIONS),
)
def test_whoever_unsubscribes_in_another_spelling_is_unsubscribed_everywhere(
    product: Product,
    sandbox: Sandbox,
    local: str,
    domain: str,
    sign_up: Callable[[str, str], str],
    leave: Callable[[str, str], str],
) -> None:
    local = f"{local}{next(_NUMBERS)}"  # another person for each example
    clean = readings(f"{local}@{domain}")[0].clean
    signups = [
        {"type": "signup", "account": "paris", "list": "4781", "email": sign_up(local, domain)},
        {"type": "signup", "account": "brussel", "list": NEWSLETTER, "email": sign_up(local, domain)},
    ]
    product.work(bodies=tuple(signups))
    product.clock.forward(minutes=1)
    product.work(bodies=({"type": "unsubscribe", "email": leave(local, domain)},), queue="unsubscribes")
    held = {
        name: next(iter(one["accounts"].values())) for name, one in Control(sandbox.url).state()["providers"].items()
    }
    assert clean in [row["email"] for row in held["ediware"]["lists"]["4781"]["rows"]]
    assert clean in held["ediware"]["unsubscribed"]
    assert clean in [row["email"] for row in held["mailpartner"]["optouts"]]
    assert clean in [row["MailAddress"] for row in held["mymailmarket"]["unsubscribed"]]
