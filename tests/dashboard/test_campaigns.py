"""Campaigns are chosen, sorted and compared with their account's median; an unknown figure is not zero."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.dashboard.campaigns import history_rates
from chalicelib.domain.figures import Snapshot
from tests.dashboard.visitor import Person, words
from tests.support.aws import TestAws
from tests.support.campaigns import put_campaigns
from tests.support.product import START, Product

USUAL = Snapshot(
    account="paris",
    provider="ediware",
    campaign="1",
    name="Lettre d’été",
    subject="Soirée",
    sent_at=START - timedelta(days=40),
    taken_at=START - timedelta(days=8),
    sent=1000,
    unique_opens=300,
    unique_clicks=50,
    hard_bounces=4,
    soft_bounces=6,
    unsubscribes=4,
    curve={24: (200, 30, 2), 720: (300, 50, 4)},
)


def put(resources: TestAws, *changes: dict[str, Any]) -> None:
    put_campaigns(resources.dynamodb, [replace(USUAL, campaign=str(n), **one) for n, one in enumerate(changes)])


def listed(person: Person, query: str = "") -> list[str]:
    """The names of the campaigns that are shown, in their order."""
    shown = person.get(f"/dashboard/campaigns?{query}").body.split("<tbody>")[-1].split("</tbody>")[0]
    return [part.split(">", 1)[1].split("<")[0] for part in shown.split('<th scope="row"><a ')[1:]]


def test_they_are_chosen_by_account_year_and_words(person: Person, resources: TestAws) -> None:
    newer, older = START - timedelta(days=2), START.replace(year=2024)
    put(resources, {"name": "Été"}, {"name": "B", "account": "lyon", "sent_at": newer}, {"name": "C", "sent_at": older})
    assert listed(person) == ["B", "Été"]
    assert listed(person, "account=lyon") == ["B"]
    assert listed(person, "year=2024") == ["C"]
    assert listed(person, "words=ETE+soiree") == ["Été"]
    assert listed(person, "account=nobody&year=x&sort=x&page=x") == ["B", "Été"], "none can be read"
    assert listed(person, "page=00001" + "0" * 5000) == ["B", "Été"], "Python converts no number of so many digits"
    assert "No campaign matches." in words(person.get("/dashboard/campaigns?words=nothing"))


def test_they_are_sorted_and_unknown_figures_come_last(person: Person, resources: TestAws) -> None:
    put(
        resources,
        {"name": "low", "unique_opens": 100, "sent_at": START - timedelta(days=1)},
        {"name": "high", "unique_opens": 500},
        {"name": "unknown", "unique_opens": None, "opens": None, "sent_at": START - timedelta(days=2)},
    )
    assert listed(person) == ["low", "unknown", "high"]
    assert listed(person, "sort=opens") == ["high", "low", "unknown"]
    assert listed(person, "sort=opens&order=up") == ["low", "high", "unknown"]
    assert "1,000 – 5.0% 1.0% 0.40%" in words(person.get("/dashboard/campaigns?words=unknown"))


@pytest.mark.seconds
def test_there_are_fifty_a_page_and_all_in_the_file(person: Person, resources: TestAws) -> None:
    put(resources, *({"name": f"n{n}", "sent_at": START - timedelta(hours=n)} for n in range(120)))
    assert listed(person, "page=3") == [f"n{n}" for n in range(100, 120)] == listed(person, "page=9")
    page = words(person.get("/dashboard/campaigns?page=2"))
    assert "120 campaigns" in page
    assert "Previous page Page 2 of 3 Next page" in page
    assert len(person.get("/dashboard/campaigns?format=csv").body.splitlines()) == 121


@pytest.mark.parametrize("number", [1, 119, 120, 199, 240, 720])
def test_a_curve_has_at_most_120_points_and_ends_with_the_last(number: int) -> None:
    newest = replace(USUAL, sent_at=START)
    history = [replace(newest, taken_at=START + timedelta(hours=hour)) for hour in range(1, number + 1)]
    points = history_rates(history, newest, 0)
    assert len(points) <= 120
    assert points[-1] == (number, 0.3)


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ({}, "Opened 30.0% as usual Clicked 5.0% as usual Unsubscribed 0.40% as usual"),
        ({"unique_opens": 400}, "Opened 40.0% 10.0 points above the median"),
        ({"unsubscribes": 9}, "Unsubscribed 0.90% 0.50 points above the median"),
        ({"unique_clicks": 20}, "Clicked 2.0% 3.0 points below the median"),
        ({"unique_opens": None, "opens": None}, "Opened – Clicked 5.0% as usual"),
    ],
)
def test_one_is_compared_with_the_median(
    product: Product, person: Person, resources: TestAws, figures: dict[str, Any], said: str
) -> None:
    put(resources, figures, {}, {}, {})
    assert product.container._medians.refresh("paris", START)
    assert said in words(person.get("/dashboard/campaigns/paris/0"))


@pytest.mark.parametrize(
    ("language", "figures", "said"),
    [
        ("en", {"hard_bounces": 1}, "1 hard bounce Since sending"),
        ("en", {"hard_bounces": 0}, "0 hard bounces"),
        ("fr", {"hard_bounces": 0}, "0 retour définitif Depuis l’envoi"),
        ("fr", {"hard_bounces": 2}, "2 retours définitifs"),
        ("fr", {"unsubscribes": 9}, "0,50 point au-dessus de la médiane"),
        ("fr", {"unique_clicks": 20}, "3,0 points sous la médiane"),
        ("nl", {"hard_bounces": 1, "unsubscribes": 9}, "0,50 punt boven de mediaan"),
    ],
)
def test_each_language_has_its_singular(
    product: Product, resources: TestAws, language: str, figures: dict[str, Any], said: str
) -> None:
    put(resources, figures, {}, {}, {})
    assert product.container._medians.refresh("paris", START)
    person = Person(product, language)
    person.log_in()
    assert said in words(person.get("/dashboard/campaigns/paris/0"))


def test_names_are_shown_as_they_are(person: Person, resources: TestAws) -> None:
    put(resources, {"name": "<b>&amp;"}, {"name": None, "subject": None})
    page = person.get("/dashboard/campaigns")
    assert "&lt;b&gt;&amp;amp;" in page.body
    assert "Campaign 1" in words(page)
    assert person.get("/dashboard/campaigns/paris/nothing").status == 404
