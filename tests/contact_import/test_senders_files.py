"""Files as exports, spreadsheets and PHP scripts write them."""

from __future__ import annotations

import codecs

import pytest

from chalicelib.config.model import Source
from chalicelib.contact_import.rows import read_csv
from chalicelib.contact_import.source import Fetcher
from chalicelib.jobs.errors import SyncRefused
from tests.contract.scripted import Scripted, answer

BOM = "\ufeff"
ZOE, LEA = {"email": "a@b.c", "prenom": "Zoé"}, {"email": "d@e.f", "prenom": "Léa"}
PLAIN = "email;prenom\na@b.c;Zoé\nd@e.f;Léa\n"


def read(data: str | bytes, size: int = 3) -> list[dict[str, str]]:
    """The values of all rows, none of which may be bad."""
    encoded = data.encode() if isinstance(data, str) else data
    rows = list(read_csv([encoded[at : at + size] for at in range(0, len(encoded), size)]).rows)
    assert [row.error for row in rows] == [None] * len(rows)
    return [dict(row.values) for row in rows]


@pytest.mark.parametrize(
    "content_type",
    [
        "text/html; charset=UTF-8",
        "text/HTML",
        "text/html;charset=iso-8859-1",
        "application/xhtml+xml",
        "application/octet-stream",
        "application/vnd.ms-excel",
        "",
    ],
)
@pytest.mark.server
def test_field_case_18_a_file_is_known_by_its_content_and_not_by_its_type(content_type: str) -> None:
    with (
        Scripted(otherwise=answer(PLAIN.encode(), headers={"Content-Type": content_type})) as host,
        Fetcher().open(Source("crm", host.url, "paris", "4781", allow_private=True), 5.0) as chunks,
    ):
        rows = [dict(row.values) for row in read_csv(chunks).rows]
    assert rows == [ZOE, LEA]


@pytest.mark.parametrize("content_type", ["text/csv", "text/html; charset=UTF-8", "text/plain"])
@pytest.mark.parametrize(
    "page",
    [
        "<!DOCTYPE html><html><body>email;prenom</body></html>",
        "\r\n\r\n  <html lang=fr>",
        BOM + "<!doctype html>",
        BOM + BOM + "\n<HTML>",
        "<?xml version='1.0'?><html>",
        "<br />\n<b>Fatal error</b>: no database",
        "<!-- cache --><html>",
    ],
)
@pytest.mark.server
def test_field_case_18_a_page_is_refused_under_any_type(content_type: str, page: str) -> None:
    with (
        Scripted(otherwise=answer(page.encode(), headers={"Content-Type": content_type})) as host,
        pytest.raises(SyncRefused, match="an HTML page"),
        Fetcher().open(Source("crm", host.url, "paris", "4781", allow_private=True), 5.0) as chunks,
    ):
        read_csv(chunks)


@pytest.mark.parametrize(
    "text",
    [
        "email;prenom;ville\na@b.c;Zoé\nd@e.f;Léa;\n",
        "email;prenom\na@b.c;Zoé;\nd@e.f;Léa;;;\n",
        "email;prenom\na@b.c;Zoé;  ;\u00a0\nd@e.f;Léa\n",
        'email;prenom;ville;rue\n"a@b.c";"Zoé"\n"d@e.f";"Léa";""\n',
        'email;prenom\na@b.c;Zoé;"";" "\nd@e.f;Léa\n',
        "email;prenom;\na@b.c;Zoé\nd@e.f;Léa;\n",
        "email,prenom,ville\na@b.c,Zoé\nd@e.f,Léa,\n",
    ],
    ids=["field-19-short", "field-19-long", "blank cells", "quoted short", "quoted blank", "header ends so", "commas"],
)
def test_field_case_19_short_rows_are_padded_and_empty_cells_too_many_are_dropped(text: str) -> None:
    assert read(text) == [ZOE, LEA]


@pytest.mark.parametrize("text", ["email;prenom\na@b.c;Zoé;Lyon\n", "email;prenom\na@b.c;Zoé;;Lyon\n"])
def test_a_value_without_a_column_is_still_an_error_of_its_row(text: str) -> None:
    [row] = read_csv([text.encode()]).rows
    assert row.error is not None and "values for 2 columns" in row.error


def test_a_short_row_of_several_lines_is_an_error_of_its_first_line() -> None:
    """A quotation mark that is closed by chance, lines later, must not swallow the lines between."""
    rows = list(read_csv([b'email;prenom\n"a@b.c\nd@e.f;Ana\ng@h.i;x"\nj@k.l;Lou\n']).rows)
    assert [row.values["email"] for row in rows if row.error is None] == ["d@e.f", "g@h.i", "j@k.l"]


@pytest.mark.parametrize(
    "text",
    [
        BOM + BOM + PLAIN,
        BOM * 3 + PLAIN,
        BOM + PLAIN,
        "\n" + BOM + PLAIN,
        BOM + "\r\n" + BOM + PLAIN,
        "ï»¿" + PLAIN,
        BOM + 'sep=;\n"email";"prenom"\n"a@b.c";"Zoé"\n"d@e.f";"Léa"\n',
        BOM + BOM + '"email";"prenom"\n"a@b.c";"Zoé"\n"d@e.f";"Léa"\n',
    ],
    ids=["field-19-two", "three", "one", "after a line", "twice by lines", "read as Latin-1", "sep", "quoted"],
)
@pytest.mark.parametrize("size", [1, 4, 1000])
def test_field_case_19_byte_order_marks_are_skipped(text: str, size: int) -> None:
    assert read(text, size) == [ZOE, LEA]


UTF_16 = {
    "little-endian": codecs.BOM_UTF16_LE + PLAIN.encode("utf-16-le"),
    "big-endian": codecs.BOM_UTF16_BE + PLAIN.encode("utf-16-be"),
    "two marks": codecs.BOM_UTF16_LE * 2 + PLAIN.encode("utf-16-le"),
    "no mark": PLAIN.encode("utf-16-le"),
    "no mark, big-endian": PLAIN.encode("utf-16-be"),
    "Excel's text": codecs.BOM_UTF16_LE + PLAIN.replace(";", "\t").replace("\n", "\r\n").encode("utf-16-le"),
    "UTF-32": codecs.BOM_UTF32_LE + PLAIN.encode("utf-32-le"),
    "UTF-32, big-endian": codecs.BOM_UTF32_BE + PLAIN.encode("utf-32-be"),
}


@pytest.mark.parametrize("kind", UTF_16)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_utf_16_and_utf_32_are_read(kind: str, size: int) -> None:
    assert read(UTF_16[kind], size) == [ZOE, LEA]


def test_a_broken_character_in_utf_16_loses_only_its_row() -> None:
    data = codecs.BOM_UTF16_LE + "email;prenom\na@b.c;".encode("utf-16-le") + b"\x00\xd8"
    rows = list(read_csv([data + "x\nd@e.f;Léa\n".encode("utf-16-le")]).rows)
    assert [row.error for row in rows] == ["prenom must be valid Unicode text", None]


@pytest.mark.parametrize(
    "text",
    [
        "sep=;\nemail;prenom\na@b.c;Zoé\nd@e.f;Léa\n",
        "SEP=,\r\nemail,prenom\r\na@b.c,Zoé\r\nd@e.f,Léa\r\n",
        '"sep=;"\nemail;prenom\na@b.c;Zoé\nd@e.f;Léa\n',
        "sep=\t\nemail\tprenom\na@b.c\tZoé\nd@e.f\tLéa\n",
        "sep=|\nemail|prenom\na@b.c|Zoé\nd@e.f|Léa\n",
        "sep=:\nemail:prenom\na@b.c:Zoé\nd@e.f:Léa\n",
        "email|prenom\na@b.c|Zoé\nd@e.f|Léa\n",
        "email;prenom\ra@b.c;Zoé\rd@e.f;Léa\r",
        "\n\nemail;prenom\n\n;\na@b.c;Zoé\n \nd@e.f;Léa\n\n",
        '"email";"prenom"\n"a@b.c";"Zoé"\n"d@e.f";"Léa"',
        'email; "prenom"\na@b.c; "Zoé"\n"d@e.f" ;"Léa" \n',
        " email ;\u00a0prenom\u00a0\na@b.c;Zoé\nd@e.f;Léa\n",
        "email\u200b;pr\u00adenom\na@b.c;Zoé\nd@e.f;Léa\n",
    ],
)
def test_files_of_other_programs_are_read(text: str) -> None:
    assert read(text) == [ZOE, LEA]


def test_names_of_columns_are_trimmed_and_keep_their_accents() -> None:
    header = list(read_csv(["\u00a0Pre\u0301nom ;Code\u00a0postal;email\n".encode()]).columns)
    assert header == ["Prénom", "Code postal", "email"]
