"""Reads MailPartner's XML: positional `<entry>` elements in the order of the JSON's keys, texts possibly CDATA.

    <result> <entry>success</entry> <entry>code</entry> and then
        of a failure:  <entry>message</entry>
        of the list:   <entry>nbData</entry> <entry> rows of <entry> id, address, createdAt </entry> </entry>

The outermost element may have another name. A hardened parser reads it as a stream: no document type, hence no
entities; nothing but this shape, to this depth; no text longer than `LONGEST_TEXT`. Memory holds one slice and its
rows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from .json_stream import MalformedAnswer

LONGEST_TEXT = 16 * 1024
_HEAD = 3
_MEMBER, _ROW, _FIELD = 2, 3, 4
"""Depths of the elements."""


class XmlStream:
    """One answer as it is read: `head` is its first three texts, or as many as were read so far."""

    def __init__(self, slices: Iterable[bytes]) -> None:
        self.head: list[str] = []
        self._slices = iter(slices)
        self._shape = _Shape(self.head)
        self._parser = DefusedXMLParser(target=self._shape, forbid_dtd=True)
        self._ended = False
        # Expat calls `_Shape` directly, which takes half the time: ElementTree's own handlers only expand names, and
        # its default handler would split every text at its CDATA marks. The hardening handlers stay.
        expat = self._parser.parser
        expat.StartElementHandler = self._shape.start
        expat.EndElementHandler = self._shape.end
        expat.CharacterDataHandler = self._shape.data
        expat.DefaultHandlerExpand = None

    def read_head(self) -> list[str]:
        """Reads the head. Raises `MalformedAnswer`."""
        while len(self.head) < _HEAD and self._more():
            pass
        return self.head

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Yields the rows, once. Raises `MalformedAnswer`, also where the document is truncated."""
        rows = self._shape.rows
        while rows or self._more():
            while rows:
                yield rows.popleft()

    def _more(self) -> bool:
        """Parses another slice; returns False when the document is complete."""
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
            reason = "XML with a document type, which is never read"
        except (ParseError, ValueError, LookupError):
            reason = "truncated or broken XML"
        # Raised here, since the parser's errors repeat parts of the answer.
        raise MalformedAnswer(reason)


class _Shape:
    """Receives elements and texts from the parser, and rejects any other shape than the known one."""

    def __init__(self, head: list[str]) -> None:
        self.rows: deque[tuple[str, ...]] = deque()
        self._head = head
        self._row: list[str] = []
        self._text = ""
        self._depth = 0

    def start(self, name: str, attributes: object) -> None:
        """Handles the start of an element."""
        self._depth += 1
        if self._depth > _FIELD or (self._depth > 1 and name != "entry"):
            raise MalformedAnswer("XML of another shape")
        self._text = ""

    def data(self, text: str) -> None:
        """Handles a piece of text."""
        self._text += text
        if len(self._text) > LONGEST_TEXT:
            raise MalformedAnswer("XML with a text that is too long")

    def end(self, name: str) -> None:
        """Handles the end of an element."""
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
        """Handles the end of the document."""
