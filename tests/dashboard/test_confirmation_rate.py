"""A form with double opt-in shows the confirmed share of the signups whose time to confirm is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from chalicelib.config.model import ConsentText, Form, HostedPage
from chalicelib.dashboard.forms import FormHistory, embed_html
from chalicelib.statistics.form_days import FormDay
from tests.dashboard.visitor import Person, with_admin_key, words
from tests.support.product import Product

TODAY = date(2026, 3, 1)


def history(*days: tuple[int, int]) -> FormHistory:
    """Delivered and unconfirmed signups, the last day today."""
    first = TODAY - timedelta(days=len(days) - 1)
    return FormHistory(
        tuple(
            FormDay("footer", first + timedelta(days=place), delivered=delivered, unconfirmed=unconfirmed)
            for place, (delivered, unconfirmed) in enumerate(days)
        )
    )


@pytest.mark.parametrize(
    ("hours", "share"),
    [(72, 30 / 40), (1, (30 + 9 + 5 + 5) / (40 + 10 + 5 + 5))],
)
def test_only_days_whose_time_is_over_count(hours: int, share: float) -> None:
    past = history((30, 10), (9, 1), (5, 0), (5, 0), (5, 0))
    assert past.confirmed_share(28, timedelta(hours=hours)) == pytest.approx(share)


def test_without_any_it_is_unknown() -> None:
    assert history((0, 0), (3, 1)).confirmed_share(28, timedelta(hours=1)) is None
    assert history((3, 1)).confirmed_share(28, timedelta(hours=72)) is None


def test_it_is_shown_for_forms_with_double_opt_in_alone(product: Product, person: Person) -> None:
    assert "Never confirmed" not in words(person.get("/dashboard/forms/footer"))
    form = replace(product.settings.forms["footer"], confirm="paris")
    with_admin_key(product, forms={"footer": form})
    page = words(person.get("/dashboard/forms/footer"))
    assert "Confirmed 28 days – known when their time is over" in page


def test_a_frame_to_copy_is_offered_where_sites_are_listed(product: Product, person: Person) -> None:
    assert "&lt;iframe" not in person.get("/dashboard/forms/footer").body, "no site may show it"
    form = replace(product.settings.forms["footer"], origins=frozenset({"https://www.example.com"}))
    with_admin_key(product, forms={"footer": form})
    page = person.get("/dashboard/forms/footer").body
    assert "&lt;form method" in page and "/forms/footer?embed=1&#34; title=&#34;footer&#34; width" in page


def test_the_words_of_a_consent_can_be_read_in_the_html_to_copy() -> None:
    page = HostedPage(consent={"fr": ConsentText('J\'accepte <tout> & "rien"', "v1")})
    html = embed_html(Form("footer", "paris", "1", "email", {}, page=page), "https://x.example", "fr", "E", "B")
    assert "> J'accepte &lt;tout&gt; &amp; &quot;rien&quot;</label>" in html
