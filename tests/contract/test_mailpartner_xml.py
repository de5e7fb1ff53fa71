"""MailPartner's XML when it is hostile or broken."""

from __future__ import annotations

import pytest

from chalicelib.domain.errors import Kind
from tests.contract.mailpartner import account, connect, failure
from tests.contract.scripted import Scripted, answer


class TestXml:
    """No content of an answer makes the reader fetch, expand or store more than the answer itself."""

    HEAD = "<result><entry>true</entry><entry>200</entry><entry>1</entry><entry>"

    def reported(self, body: str | bytes, server: Scripted) -> str:
        server.script = [answer(body.encode() if isinstance(body, str) else body)]
        client = connect(account(server.url, format="xml"))
        error = failure(lambda: client.call("unsubscribe_list", {}, budget=20))
        assert error.kind is Kind.LATER
        return error.message

    def test_entities_are_not_expanded(self, server: Scripted) -> None:
        laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
        body = f'<?xml version="1.0"?><!DOCTYPE result [<!ENTITY l0 "ha">{laughs}]>{self.HEAD}&l9;</entry></result>'
        assert "document type" in self.reported(body, server)

    @pytest.mark.parametrize("kind", ["ENTITY x SYSTEM", "ENTITY % x SYSTEM"])
    def test_external_entities_are_not_fetched(self, kind: str, server: Scripted) -> None:
        body = (
            f'<?xml version="1.0"?><!DOCTYPE result [<!{kind} "{server.url}/secret">]>{self.HEAD}&x;</entry></result>'
        )
        assert "document type" in self.reported(body, server)
        assert "document type" in self.reported(
            f'<?xml version="1.0"?><!DOCTYPE result SYSTEM "{server.url}/x"><result/>', server
        )
        assert len(server.received) == 2, "the list, twice"

    def test_an_unterminated_document_is_rejected(self, server: Scripted) -> None:
        assert "too long" in self.reported(self.HEAD + "x" * 20_000_000, server)

    def test_a_document_of_fifty_megabytes_is_rejected(self, server: Scripted) -> None:
        row = "<entry><entry>1</entry><entry>a@example.com</entry><entry>2026-01-01 00:00:00</entry></entry>"
        assert "larger" in self.reported(self.HEAD + row * (50_000_000 // len(row)), server)

    @pytest.mark.parametrize(
        "body",
        [
            "<result>" + "<entry>" * 100_000,
            HEAD + "<entry><entry><b>x</b></entry></entry></entry></result>",
            "<?xml version='1.0'?><html><body>Bonjour</body></html>",
            "<result><entry>true</entry></result>",
            "<result/>",
        ],
        ids=["deep", "other elements", "a page", "too short", "empty"],
    )
    def test_an_unexpected_structure_is_rejected(self, body: str, server: Scripted) -> None:
        assert "another shape" in self.reported(body, server)

    @pytest.mark.parametrize(
        "body",
        [
            HEAD + "</entry>",
            HEAD + "&nbsp;</entry></result>",
            HEAD + "</entry></result><result/>",
            b"<?xml version='1.0' encoding='UTF-8'?>" + HEAD.encode() + b"\xe9</entry></result>",
            b"<?xml version='1.0' encoding='klingon'?>" + HEAD.encode() + b"</entry></result>",
        ],
        ids=["cut", "unknown entity", "two roots", "another charset", "no charset"],
    )
    def test_invalid_xml_is_rejected(self, body: str | bytes, server: Scripted) -> None:
        assert "XML" in self.reported(body, server)
