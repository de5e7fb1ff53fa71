"""HTTP requests and responses as values, independent of any framework."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..ingestion.bodies import BodyError, is_coded

_REPLACEMENT = "\ufffd".encode()


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request. Header names are lower-case; `query` has the last value of each parameter.

    The path is not included: the matched route receives the decoded path parameters.
    """

    method: str
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    encoded_body: str | bytes | None = None
    """The body as API Gateway passes it on; `content` decodes it."""
    is_base64: bool = False
    source_ip: str | None = None
    id: str = ""
    unmatched_path: str = ""
    """The path that no declared route matched, without the first slash, still percent-encoded."""
    domain: str = ""
    """The domain by which the request reached the API, as API Gateway states it; no header."""
    base_path: str = ""
    """What comes before Relais' own paths: API Gateway's own addresses begin with the stage, as `/api`."""
    answer_headers: dict[str, str] = field(default_factory=dict)
    """Headers of the answer, also of an error; routes set them before anything can fail."""

    @property
    def is_https(self) -> bool:
        """True when the client reached the gateway by HTTPS."""
        return self.headers.get("x-forwarded-proto", "").rpartition(",")[2].strip().lower() == "https"

    @property
    def own_url(self) -> str | None:
        """The URL of Relais by which the request came; None if the event does not say.

        API Gateway finds the API by this domain and refuses any other with 403, so that a sender can only choose among
        the domains that lead here. A `Host` or `X-Forwarded-…` may say anything. API Gateway speaks HTTPS alone, and
        its domains have no port, unlike that of a server on one's own machine.
        """
        scheme = "http" if ":" in self.domain else "https"
        return f"{scheme}://{self.domain}{self.base_path}" if self.domain else None

    def content(self, *, unaltered: bool = False) -> bytes:
        """Returns the body's bytes; `unaltered`: only if they are those that the client sent.

        Validates base64: Python's decoder otherwise skips invalid characters, down to an empty body. API Gateway passes
        a body whose type is none of its binary types on as text, with U+FFFD for bytes that are not UTF-8: what they
        meant is lost. Raises BodyError, 400.
        """
        body = self.encoded_body or b""
        try:
            if self.is_base64:
                return base64.b64decode(body, validate=True)
            content = body if isinstance(body, bytes) else body.encode("utf-8")
        except ValueError:
            raise BodyError(400, "The body could not be decoded.") from None
        if unaltered and _REPLACEMENT in content and not is_coded(self.headers):  # a coded one is 415
            raise BodyError(400, "The body is not in UTF-8.")
        return content


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response; `body` is text (UTF-8 on the wire)."""

    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


def json_response(status: int, value: Mapping[str, object]) -> Response:
    """Returns an answer in JSON."""
    return Response(status, json.dumps(value, ensure_ascii=False), {"content-type": "application/json"})
