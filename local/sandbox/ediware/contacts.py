"""Ediware's functions that add contacts and unsubscribe them."""

from __future__ import annotations

import csv
import io
import re
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from .context import Context, Refused
from .models import ContactList

_ROWS_A_CALL = 255
_CSV_BYTES = 10_000_000
_ADDRESS = re.compile(r"[^@\s\x00-\x1f,;]+@[^@\s\x00-\x1f,;]+\.[^@\s\x00-\x1f,;.]+")
_OK = {"result": "ok"}


def list_insert(at: Context, params: Mapping[str, Any]) -> Any:
    """Inserts all rows or none: the vendor does not document a call with one bad row."""
    found = the_list(at, params)
    rows = params.get("tab_insert")
    if not isinstance(rows, list) or not rows:
        raise Refused("Error tab_insert must be an array")
    if len(rows) > _ROWS_A_CALL:
        raise Refused("Error tab_insert is limited to 255 lines")
    found.rows.extend([_row(found, row, number) for number, row in enumerate(rows, start=1)])
    return _OK


def list_insert_url(at: Context, params: Mapping[str, Any]) -> Any:
    """Inserts the rows of a CSV file with `;` between columns; the sandbox fetches from this machine only."""
    found = the_list(at, params)
    reader = csv.DictReader(io.StringIO(at.fetched), delimiter=";")
    found.rows.extend([_row(found, row, number) for number, row in enumerate(reader, start=1)])
    return _OK


def unsub_add(at: Context, params: Mapping[str, Any]) -> Any:
    """Adds an address to the account's unsubscribed list; repeating it is no failure."""
    at.account.unsubscribed.setdefault(_address(params), at.now)
    return 1 if at.options.unsub_answers_1 else _OK


def unsub_global_add(at: Context, params: Mapping[str, Any]) -> Any:
    """Adds an address to the delisting list."""
    at.account.delisted.setdefault(_address(params), at.now)
    return 1 if at.options.unsub_answers_1 else _OK


def the_list(at: Context, params: Mapping[str, Any]) -> ContactList:
    """Returns the list of `list_id`. Raises `Refused` for an unknown id."""
    found = at.account.lists.get(str(params.get("list_id", "")))
    if found is None:
        raise Refused("Error list_id invalid")
    return found


def _row(found: ContactList, row: Any, number: int) -> dict[str, str]:
    if not isinstance(row, Mapping):
        raise Refused(f"Error line {number} of tab_insert is not an associative array")
    unknown = [name for name in row if name not in found.fields]
    if unknown:
        raise Refused(f"Error field {unknown[0]} does not exist in this list")
    values = {name: "" if row.get(name) is None else str(row[name]) for name in found.fields}
    address = values[found.field_email]
    if not address:
        raise Refused(f"Error email field {found.field_email} missing in line {number}")
    if not _ADDRESS.fullmatch(address) or len(address) > 254:
        raise Refused(f"Error email {address} invalid in line {number}")
    return values


def _address(params: Mapping[str, Any]) -> str:
    address = str(params.get("email", ""))
    if address.count("@") != 1 or len(address) > 254:
        raise Refused("Error email invalid")
    return address


def fetch_csv(params: Mapping[str, Any]) -> str:
    """Returns the text of the file at `url`, fetched before the account is locked, since its server may be slow."""
    url = str(params.get("url", ""))
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise Refused("Error url invalid (the sandbox fetches from this machine only)")
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return str(answer.read(_CSV_BYTES).decode("utf-8-sig"))
    except (OSError, ValueError) as error:
        raise Refused("Error url cannot be read") from error
