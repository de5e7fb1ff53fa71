"""myMailMarket's values: WCF dates, ids, and names in any case."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.providers.mymailmarket.rows import MAX_DEPTH, TooDeep, address_of, id_of, named, wcf_time, with_times


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("/Date(1384207200000+0100)/", datetime(2013, 11, 11, 22, tzinfo=UTC)),
        ("/Date(1384207200000-0500)/", datetime(2013, 11, 11, 22, tzinfo=UTC)),
        ("/Date(1384207200123)/", datetime(2013, 11, 11, 22, 0, 0, 123000, tzinfo=UTC)),
        ("/Date(0)/", datetime(1970, 1, 1, tzinfo=UTC)),
        ("/Date(-86400000)/", datetime(1969, 12, 31, tzinfo=UTC)),
        ("/Date(-62135596800000)/", datetime(1, 1, 1, tzinfo=UTC)),
        ("/Date(-62135600400000+0100)/", None),
        ("/Date(999999999999999999)/", None),
        ("/Date(1384207200000+01:00)/", None),
        ("Date(1384207200000)", None),
        ("/Date(x)/", None),
        ("/Date(1)/ and more", None),
        ("", None),
    ],
)
def test_a_wcf_date_is_read_as_utc(text: str, moment: datetime | None) -> None:
    assert wcf_time(text) == moment
    assert moment is None or wcf_time(text).utcoffset() == timedelta(0)


def test_dates_are_converted_at_any_depth_and_other_values_stay() -> None:
    value = {"a": ["/Date(0)/", {"b": "/Date(0)/", "c": "/Date(x)/"}], "d": 1, "e": None, "f": True}
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert with_times(value) == {"a": [epoch, {"b": epoch, "c": "/Date(x)/"}], "d": 1, "e": None, "f": True}


def test_values_deeper_than_any_row_are_not_converted() -> None:
    def nested(levels: int) -> Any:
        return {"a": nested(levels - 1)} if levels else 1

    assert with_times(nested(MAX_DEPTH)) == nested(MAX_DEPTH)
    with pytest.raises(TooDeep):
        with_times(nested(MAX_DEPTH + 1))


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"SubscriberId": "0616", "Id": "1"}, "0616"),
        ({"id": 616}, "616"),
        ({"ID": " 0616 "}, "0616"),
        ({"SubscriberId": None, "Id": "1"}, "1"),
        ({"Id": True}, ""),
        ({"Groepid": "1"}, ""),
    ],
)
def test_an_id_is_read_as_text_under_any_of_its_names(row: dict[str, Any], expected: str) -> None:
    assert id_of(row) == expected


def test_names_are_read_in_any_case() -> None:
    row = {"MAILADDRESS": " a@example.com ", "other": 1}
    assert address_of(row) == "a@example.com"
    assert named(row, "nothing", "other") == 1 and named(row, "nothing") is None
    assert address_of({"MailAddress": None}) == ""
