"""MailPartner's XML: positional `<entry>` elements in the order of the JSON's keys, texts perhaps CDATA.

    <result> <entry>success</entry> <entry>code</entry> and then
        of a failure:  <entry>message</entry>
        of the list:   <entry>nbData</entry> <entry> rows of <entry> id, address, createdAt </entry> </entry>

Read as a stream by a hardened parser: no document type and so no entities; nothing but this shape, to this depth; no
text longer than `LONGEST_TEXT`. Memory holds one slice and its rows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from .stream import Broken

LONGEST_TEXT = 16 * 1024
_HEAD = 3
_MEMBER, _ROW, _FIELD = 2, 3, 4
"""How deep they stand."""


class Document:
    """One answer as it is read: `head` is its first three texts, or as many as there are so far."""

    def __init__(self, slices: Iterable[bytes]) -> None:
        self.head: list[str] = []
        self._slices = iter(slices)
        self._shape = _Shape(self.head)
        self._parser = DefusedXMLParser(target=self._shape, forbid_dtd=True)
        self._ended = False

    def read_head(self) -> list[str]:
        """The head, complete. Raises `Broken`."""
        while len(self.head) < _HEAD and self._more():
            pass
        return self.head

    def rows(self) -> Iterator[tuple[str, ...]]:
        """The rows, once. Raises `Broken`, also where the document does not end as it should."""
        rows = self._shape.rows
        while rows or self._more():
            while rows:
                yield rows.popleft()

    def _more(self) -> bool:
        """Parse another slice; False when the document has ended, whole."""
        if self._ended:
            return False
        part = next(self._slices, b"")
        self._ended = not part
        try:
            if part:
                self._parser.feed(part)
            else:
                self._parser.close()
            return True
        except DefusedXmlException:
            why = "XML with a document type, which is never read"
        except (ParseError, ValueError, LookupError):
            why = "truncated or broken XML"
        # Raised out here, for the parser's errors repeat what they met.
        raise Broken(why)


class _Shape:
    """What the parser tells of elements and texts, held against the one shape that is known."""

    def __init__(self, head: list[str]) -> None:
        self.rows: deque[tuple[str, ...]] = deque()
        self._head = head
        self._row: list[str] = []
        self._text: list[str] = []
        self._length = 0
        self._depth = 0

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""
        self._depth += 1
        if name != ("result" if self._depth == 1 else "entry") or self._depth > _FIELD:
            raise Broken("XML of another shape")
        self._forget_text()

    def data(self, text: str) -> None:
        """A piece of text."""
        self._length += len(text)
        if self._length > LONGEST_TEXT:
            raise Broken("XML with a text that is too long")
        self._text.append(text)

    def end(self, name: str) -> None:
        """An element ends."""
        text = "".join(self._text).strip()
        self._forget_text()
        if self._depth == _FIELD:
            self._row.append(text)
        elif self._depth == _ROW:
            self.rows.append(tuple(self._row))
            self._row = []
        elif self._depth == _MEMBER and len(self._head) < _HEAD:
            self._head.append(text)
        self._depth -= 1

    def close(self) -> None:
        """The document has ended."""

    def _forget_text(self) -> None:
        self._text, self._length = [], 0
