"""The price table: computed from counts that were measured, and what was measured is still so."""

from __future__ import annotations

import pytest

from local.bench import surroundings
from local.price import __main__ as price
from local.price.bill import MILLION, SMALL, items, table
from local.price.measure import measure, of_template
from tests.support.aws import TestAws


def test_the_table_of_the_document_is_what_the_stored_counts_cost() -> None:
    document = price.DOCUMENT.read_text()
    assert price.with_table(document, table(price.stored())) == document, "python -m local.price"


def test_it_stays_below_what_was_promised() -> None:
    """Ten dollars a month without signups, twelve for a million of them."""
    found = items(price.stored())
    assert sum(item.idle for item in found) < 10
    assert sum(item.million for item in found) < 12


def test_what_the_template_makes_aws_charge_for_is_what_was_counted() -> None:
    assert of_template() == price.stored()["template"], "python -m local.price --measure"


def test_more_signups_at_a_time_cost_less_each() -> None:
    few, many = (sum(item.million for item in items(price.stored(), rate)) for rate in (SMALL, 10 * MILLION))
    assert many < few - 1


@pytest.mark.server
@pytest.mark.slow
def test_the_counts_are_those_of_today(aws: TestAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """All but times and what depends on them, and the length of a line, which has numbers in it."""

    class Lent:
        endpoint = aws.endpoint
        stop = staticmethod(aws.reset)

    monkeypatch.setattr(surroundings.process, "start", Lent)
    now, stored = measure(), price.stored()
    assert now["runs"].keys() == stored["runs"].keys()
    for name, run in now["runs"].items():
        before = stored["runs"][name]
        exact = run.keys() - {"processor_ms", "aws_rounds", "log_bytes", "series"}
        counts = {key: run[key] for key in exact}
        if name == "collect_stats" and counts["provider_calls"] == before["provider_calls"] + 1:
            # One campaign of the sandbox is read daily, so in one hour of the day there is one more.
            counts |= {key: counts[key] - 1 for key in ("provider_calls", "read_units")}
        assert counts == {key: before[key] for key in exact}, name
        assert list(run["series"]) == before["series"]
        assert run["log_bytes"] == pytest.approx(before["log_bytes"], rel=0.05)
    assert now["stored_bytes"] == pytest.approx(stored["stored_bytes"], rel=0.05)
