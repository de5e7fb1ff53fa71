"""Parses the parameters of the list of campaigns; reports all errors at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from ...domain.errors import FieldError
from ..query_reader import MOST, QueryReader, moment, name_of, whole_number

JSON, CSV = "json", "csv"
FORMATS = (JSON, CSV)
DEFAULT_LIMIT = 100

_END_OF_DAY = time(23, 59, 59)


@dataclass(frozen=True, slots=True)
class Query:
    """Filters of a page. `since` and `until` (aware, UTC, both included) bound the sending time."""

    account: str | None
    since: datetime | None
    until: datetime | None
    limit: int
    cursor: str | None
    format: str


def read_query(given: Mapping[str, str]) -> Query:
    """Parses the parameters; an empty one counts as absent, an unknown one is ignored.

    Raises:
        HttpProblem: 422, with every field error.
    """
    reader = QueryReader(given)
    query = Query(
        account=reader.read("account", name_of("account"), None),
        since=reader.read("since", moment, None),
        until=reader.read("until", lambda text: moment(text, _END_OF_DAY), None),
        limit=reader.read("limit", whole_number(1, MOST), DEFAULT_LIMIT),
        cursor=reader.read("cursor", str, None),
        format=reader.read("format", _format, JSON),
    )
    if query.since and query.until and query.since > query.until:
        reader.errors.append(FieldError("until", "must not be before since"))
    reader.check()
    return query


def read_format(given: Mapping[str, str]) -> str:
    """Parses the format only. Raises `HttpProblem` (422)."""
    reader = QueryReader(given)
    format = reader.read("format", _format, JSON)
    reader.check()
    return format


@dataclass(frozen=True, slots=True)
class FormsQuery:
    """Filters of the days of forms; `since` and `until` are UTC days, both included."""

    form: str | None
    since: date | None
    until: date | None
    format: str


def read_forms_query(given: Mapping[str, str]) -> FormsQuery:
    """Parses the parameters of the days of forms; a time stands for its UTC day. Raises HttpProblem (422)."""
    reader = QueryReader(given)
    since = reader.read("since", moment, None)
    until = reader.read("until", lambda text: moment(text, _END_OF_DAY), None)
    query = FormsQuery(
        form=reader.read("form", name_of("form"), None),
        since=since.astimezone(UTC).date() if since else None,
        until=until.astimezone(UTC).date() if until else None,
        format=reader.read("format", _format, JSON),
    )
    if query.since and query.until and query.since > query.until:
        reader.errors.append(FieldError("until", "must not be before since"))
    reader.check()
    return query


def _format(text: str) -> str:
    if text not in FORMATS:
        raise ValueError(f"must be {' or '.join(FORMATS)}")
    return text
