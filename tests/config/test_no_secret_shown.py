"""No message contains a secret, wherever it is written in the file, correctly or not."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings, strategies as st

from chalicelib.config.load import load
from chalicelib.domain.errors import ConfigurationError, FieldError
from chalicelib.providers.spec import ProviderSpec

SECRET_KEYS = ("api_key", "secret", "address_keys", "keys", "admin_key")
# Long enough not to be part of a message by accident; also letters only, since passwords may be.
# A text similar to one of the file's own keys is quoted on purpose, as a probable spelling error.
OWN_TEXTS = ("signup", "unsubscribe", "sync", "ediware", "relais", "provider", "account", "known", "tell")
TOKENS = st.one_of(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=12, max_size=60),
    st.text("abcdefghijklmnopqrstuvwxyz", min_size=9, max_size=24),
    st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567+/=", min_size=16, max_size=48).map("whsec_".__add__),
    st.text("0123456789abcdef", min_size=8, max_size=30).map("secret:#".__add__),
).filter(lambda token: not difflib.get_close_matches(token.lower(), OWN_TEXTS, cutoff=0.6))
# A busy machine is no failure, and the fixture in question keeps nothing between examples.
HARMLESS = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
PLACES = st.integers(0, 100)
SHAPES = st.sampled_from(["{}", "[{}]", "{{ a = {} }}", "[[{}]]", "[1, {}]"])


def _outcome(text: str, specs: Mapping[str, ProviderSpec]) -> tuple[str, tuple[FieldError, ...]]:
    """Everything that loading `text` shows."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "relais.toml"
        path.write_text(text, "utf-8")
        try:
            return repr(load(path, {}, specs=specs)), ()
        except ConfigurationError as error:
            return f"{error} {error!r} {error.__cause__!r} {error.__context__!r}", error.field_errors


def _with_value(text: str, place: int, value: str) -> tuple[str, str]:
    """`text` with the value of one of its keys replaced, and that key."""
    assignments = list(re.finditer(r"^(\S+) = (.*)$", text, re.MULTILINE))
    chosen = assignments[place % len(assignments)]
    return text[: chosen.start(2)] + value + text[chosen.end(2) :], chosen[1]


@HARMLESS
@given(token=TOKENS, place=PLACES, shape=SHAPES)
def test_a_misplaced_secret_is_not_shown(
    whole: str, specs: Mapping[str, ProviderSpec], token: str, place: int, shape: str
) -> None:
    text, key = _with_value(whole, place, shape.format(json.dumps(token)))
    shown, field_errors = _outcome(text, specs)
    if field_errors or key in SECRET_KEYS:
        assert token not in shown


@HARMLESS
@given(token=TOKENS, name=st.sampled_from(["apikey", "password", "x"]), place=PLACES)
def test_a_secret_under_a_misspelt_key_is_not_shown(
    whole: str, specs: Mapping[str, ProviderSpec], token: str, name: str, place: int
) -> None:
    sections = [match.end() for match in re.finditer(r"^\[.*\]\n", whole, re.MULTILINE)]
    at = sections[place % len(sections)]
    shown, field_errors = _outcome(f"{whole[:at]}{name} = {json.dumps(token)}\n{whole[at:]}", specs)
    assert token not in shown or not field_errors


@HARMLESS
@given(token=TOKENS, cut=PLACES)
def test_a_secret_in_broken_toml_is_not_shown(
    whole: str, specs: Mapping[str, ProviderSpec], token: str, cut: int
) -> None:
    line = f"admin_key = {json.dumps(token)}"
    shown, field_errors = _outcome(whole + line[: max(12, len(line) - 1 - cut % 3)] + " oops\n", specs)
    assert field_errors
    assert token not in shown
