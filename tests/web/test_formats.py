"""Numbers, rates, lengths of time and moments as the readers of each language write them."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from chalicelib.web.pages.formats import Formats, formats

MORNING = datetime(2026, 11, 27, 8, 40, tzinfo=UTC)


def plain(text: str) -> str:
    return text.replace("\u00a0", " ").replace("\u202f", " ")


@pytest.fixture
def french() -> Formats:
    return formats("fr", "Europe/Paris")


@pytest.mark.parametrize(
    ("language", "number", "rate"), [("fr", "12 480", "41,2 %"), ("nl", "12.480", "41,2%"), ("en", "12,480", "41.2%")]
)
def test_numbers(language: str, number: str, rate: str) -> None:
    written = formats(language, "Europe/Paris")
    assert (plain(written.number(12480)), plain(written.share(0.412))) == (number, rate)


def test_what_is_unknown_is_a_dash(french: Formats) -> None:
    assert (french.number(None), french.share(None)) == ("–", "–")
    assert french.number(0) == "0"
    assert [plain(french.share(each)) for each in (0, 0.0007, 0.0099, 0.01, 1)] == [
        "0,0 %",
        "0,07 %",
        "0,99 %",
        "1,0 %",
        "100,0 %",
    ]


def test_times_are_in_the_zone_with_utc_behind(french: Formats) -> None:
    assert plain(french.time(MORNING)) == "27 novembre, 09:40 (08:40 UTC)"
    late = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
    assert plain(french.time(late, year=True)) == "1er janvier 2027, 00:30 (31 décembre, 23:30 UTC)"
    summer = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)
    assert plain(formats("nl", "Europe/Brussels").time(summer)) == "1 juli, 10:00 (08:00 UTC)"
    assert french.weekday(MORNING.date()) == "vendredi"
    assert " " not in french.time(late).partition("(")[2], "what is in brackets stays on one line"


@pytest.mark.parametrize(
    ("language", "written"),
    [("fr", ["1er oct.", "16 nov."]), ("nl", ["1 okt.", "16 nov."]), ("en", ["1 Oct", "16 Nov"])],
)
def test_days_on_an_axis_name_their_month(language: str, written: list[str]) -> None:
    found = [formats(language, "UTC").day_short(date(2026, *day)) for day in ((10, 1), (11, 16))]
    assert [plain(each) for each in found] == written


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0 s"),
        (4, "4 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (8880, "2 h 28"),
        (36_000, "10 h"),
        (172_799, "47 h"),
        (700_000, "8 j"),
    ],
)
def test_lengths_of_time(french: Formats, seconds: float, text: str) -> None:
    assert plain(french.duration(seconds)) == text


def test_ago(french: Formats) -> None:
    now = datetime(2026, 11, 27, 8, 46, tzinfo=UTC)
    assert plain(french.since(MORNING, now)) == "il y a 6 min"
    assert plain(formats("nl", "Europe/Paris").since(MORNING, now)) == "6 min. geleden"
    assert plain(formats("en", "Europe/Paris").since(MORNING, now)) == "6 min ago"


def test_text_from_right_to_left_turns_nothing_beside_it() -> None:
    written = formats("en", "UTC").isolated
    assert written("Lettre d’été") == "Lettre d’été"
    assert written("נייר") == "\u2068נייר\u2069"
    assert written("gnp.\u202egpj\u2069") == "gnp.gpj", "controls that would turn what follows"
