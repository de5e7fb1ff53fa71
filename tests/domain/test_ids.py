"""Event ids: which are valid, that new ones sort by time, and that derived ones are the same for the same input."""

from __future__ import annotations

import os
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from chalicelib.domain.ids import derived_id, form_event_id, is_valid_id, new_event_id

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize("text", ["a", "A-z.0_9:x", "x" * 128])
def test_valid_ids(text: str) -> None:
    assert is_valid_id(text)


@pytest.mark.parametrize("text", ["", "x" * 129, "a b", "a/b", "é", "a\n", "a@example.com", "a%20"])
def test_other_ids_are_not_valid(text: str) -> None:
    assert not is_valid_id(text)


def test_a_new_id_is_a_uuid_of_version_7_that_sorts_by_time() -> None:
    first = new_event_id(NOW, lambda n: b"\xff" * n)
    later = new_event_id(NOW + timedelta(milliseconds=1), lambda n: b"\x00" * n)
    assert (uuid.UUID(first).version, uuid.UUID(first).variant) == (7, uuid.RFC_4122)
    assert uuid.UUID(first).int >> 80 == 1_772_357_400_000
    assert first < later
    assert is_valid_id(first)


def test_new_ids_of_one_moment_differ() -> None:
    assert len({new_event_id(NOW, os.urandom) for _ in range(1000)}) == 1000


def test_an_idempotency_key_is_scoped_to_form_type_and_content() -> None:
    ids = {
        form_event_id("footer", "signup", "k", "digest"),
        form_event_id("footer", "unsubscribe", "k", "digest"),
        form_event_id("other", "signup", "k", "digest"),
        form_event_id("footer", "signup", "k2", "digest"),
        form_event_id("footersignup", "", "k", "digest"),
        form_event_id("footer", "signup", "k", "another"),
        derived_id("footer", 1),
    }
    assert len(ids) == 7
    assert form_event_id("footer", "signup", "k", "d") == form_event_id("footer", "signup", "k", "d")


@given(st.text(), st.integers(0, 999))
def test_every_derived_id_is_valid_and_one_of_its_kind(base: str, index: int) -> None:
    assert is_valid_id(derived_id(base, index))
    assert is_valid_id(form_event_id(base, base, base, base))
    assert derived_id(base, index) != derived_id(base, index + 1)
    assert derived_id(base, index) == derived_id(base, index)
