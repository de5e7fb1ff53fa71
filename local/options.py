"""What `make run` is told by its environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from local.environ import DEFAULT_REGION


class StartFailed(Exception):
    """The stack cannot start; the text tells a person why and what to do."""


@dataclass(frozen=True)
class Options:
    """Ports of 0 take a free one. Without `config` the sandbox's sample; `endpoint` is an AWS that exists already."""

    host: str = "127.0.0.1"
    port: int = 8000
    aws_port: int = 4566
    sandbox_port: int | None = None
    config: Path | None = None
    endpoint: str | None = None
    region: str = DEFAULT_REGION


def read_options(environ: Mapping[str, str]) -> Options:
    """Read HOST, PORT, AWS_PORT, SANDBOX_PORT, RELAIS_CONFIG and the AWS_ ones. Raises StartFailed."""
    config = environ.get("RELAIS_CONFIG")
    sandbox_port = _port(environ, "SANDBOX_PORT", -1)
    return Options(
        host=environ.get("HOST") or "127.0.0.1",
        port=_port(environ, "PORT", 8000),
        aws_port=_port(environ, "AWS_PORT", 4566),
        sandbox_port=None if sandbox_port < 0 else sandbox_port,
        config=Path(config).absolute() if config else None,
        endpoint=_endpoint(environ),
        region=environ.get("AWS_DEFAULT_REGION") or DEFAULT_REGION,
    )


def _port(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name) or str(default)
    if text == str(default) or (re.fullmatch("[0-9]{1,5}", text) and int(text) < 65536):
        return int(text)
    raise StartFailed(f"{name} is {text!r}: it must be a port number, 0 for a free one.")


def _endpoint(environ: Mapping[str, str]) -> str | None:
    text = environ.get("AWS_ENDPOINT_URL", "").strip()
    if not text:
        return None
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and text.isascii()
    except ValueError:  # a port that is no number, or brackets that are not closed
        usable = False
    if not usable or re.search(r"\s", text):
        raise StartFailed(
            f"AWS_ENDPOINT_URL is {text!r}: it must be a URL such as http://127.0.0.1:4566, "
            "or unset for an embedded AWS."
        )
    return text
