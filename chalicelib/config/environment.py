"""Checks the AWS endpoints of the environment, where boto3 would raise an unexpected error at the first call."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from ..domain.errors import ConfigurationError, FieldError

_ENDPOINT = "AWS_ENDPOINT_URL"


def check_environment(environ: Mapping[str, str]) -> None:
    """Checks `AWS_ENDPOINT_URL` and `AWS_ENDPOINT_URL_SERVICE`. Raises ConfigurationError."""
    errors = [
        FieldError(f"environment variable {name}", error)
        for name in sorted(environ)
        if (name == _ENDPOINT or name.startswith(f"{_ENDPOINT}_")) and (error := endpoint_error(environ[name]))
    ]
    if errors:
        raise ConfigurationError(errors)


def endpoint_error(url: str) -> str | None:
    """Returns why boto3 cannot use an endpoint; None for a usable or empty one. Quotes no password."""
    if not url or _is_usable(url):
        return None
    shown = "wrong" if "@" in url else repr(url[:200])
    return f"is {shown}: it must be a URL such as http://127.0.0.1:4566, or unset"


def _is_usable(url: str) -> bool:
    from botocore.utils import is_valid_endpoint_url, is_valid_ipv6_endpoint_url

    try:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or parts.port == 0 or url.strip() != url:
            return False
    except ValueError:  # a port that is no number, or brackets that are not closed
        return False
    return bool(is_valid_ipv6_endpoint_url(url) or is_valid_endpoint_url(url))
