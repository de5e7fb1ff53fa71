"""MailPartner's XML: positional `<entry>` elements in the order of the JSON's keys, texts perhaps CDATA.

    <result> <entry>success</entry> <entry>code</entry> and then
        of a failure:  <entry>message</entry>
        of the list:   <entry>nbData</entry> <entry> rows of <entry> id, address, createdAt </entry> </entry>

Read as a stream by a hardened parser: no document type and so no entities; nothing but this shape, to this depth; no
text longer than `LONGEST_TEXT`. Memory holds one slice and its rows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
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
        self._hear_directly()
        self._ended = False

    def _hear_directly(self) -> None:
        """Have elements and texts told to `_Shape` by the parser underneath, which takes half the time.

        ElementTree's own handlers only mend names and hand on; the one for all else is not needed where there is no
        document type, and would cut every text at its CDATA marks. The hardening handlers stay.
        """
        expat = self._parser.parser
        expat.StartElementHandler = self._shape.start
        expat.EndElementHandler = self._shape.end
        expat.CharacterDataHandler = self._shape.data
        expat.DefaultHandlerExpand = None

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
        self._text = ""
        self._depth = 0

    def start(self, name: str, attributes: object) -> None:
        """An element begins."""
        self._depth += 1
        if name != ("entry" if self._depth > 1 else "result") or self._depth > _FIELD:
            raise Broken("XML of another shape")
        self._text = ""

    def data(self, text: str) -> None:
        """A piece of text."""
        self._text += text
        if len(self._text) > LONGEST_TEXT:
            raise Broken("XML with a text that is too long")

    def end(self, name: str) -> None:
        """An element ends."""
        if self._depth == _FIELD:
            self._row.append(self._text.strip())
        elif self._depth == _ROW:
            self.rows.append(tuple(self._row))
            self._row = []
        elif self._depth == _MEMBER and len(self._head) < _HEAD:
            self._head.append(self._text.strip())
        self._text = ""
        self._depth -= 1

    def close(self) -> None:
        """The document has ended."""
