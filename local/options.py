"""Reads the options of `make run` from the environment, and makes the environment of the stack."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from chalicelib.config.environment import endpoint_error

STAGE = "local"
DEFAULT_REGION = "eu-west-3"

# Variables that would make boto3 use the developer's own profile, region, endpoint or credentials.
_REMOVED_VARIABLES = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "RELAIS_LOCAL_PYTHON",
)


class StartFailed(Exception):
    """The stack cannot start; the text says why and what to do."""


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
    throttled: bool = False
    """Whether the gateway answers 429 above the rates of the template."""
    sample_past: bool = False
    """Whether the sample world starts with a year of campaigns and signups behind it."""


def stage_name(text: str) -> str:
    """Returns the value of an option `--stage`. Raises argparse's error for what cannot be one."""
    if re.fullmatch("[a-z0-9-]{1,20}", text) is None:
        raise argparse.ArgumentTypeError("must be 1 to 20 of a-z, 0-9 and -")
    return text


def read_options(environ: Mapping[str, str]) -> Options:
    """Reads HOST, PORT, AWS_PORT, SANDBOX_PORT, RELAIS_CONFIG, THROTTLES and the AWS_ ones. Raises StartFailed."""
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
        throttled=_flag(environ, "THROTTLES"),
    )


def _port(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name) or str(default)
    if text == str(default) or (re.fullmatch("[0-9]{1,5}", text) and int(text) < 65536):
        return int(text)
    raise StartFailed(f"{name} is {text!r}: it must be a port number, 0 for a free one.")


def _flag(environ: Mapping[str, str], name: str) -> bool:
    text = environ.get(name) or "off"
    if text not in ("on", "off"):
        raise StartFailed(f"{name} is {text!r}: it must be on or off.")
    return text == "on"


def _endpoint(environ: Mapping[str, str]) -> str | None:
    text = environ.get("AWS_ENDPOINT_URL", "").strip()
    error = endpoint_error(text)
    if error is not None:
        raise StartFailed(f"AWS_ENDPOINT_URL {error} for an embedded AWS.")
    return text or None


def stack_environ(given: Mapping[str, str], endpoint: str, config: Path) -> dict[str, str]:
    """Returns `given` with only the AWS at `endpoint` reachable, and with the configuration `config`."""
    embedded = not given.get("AWS_ENDPOINT_URL")
    environ = {
        name: value
        for name, value in given.items()
        if name not in _REMOVED_VARIABLES and not (embedded and name.startswith("AWS_ENDPOINT_URL_"))
    }
    region = given.get("AWS_DEFAULT_REGION") or DEFAULT_REGION
    environ.setdefault("AWS_ACCESS_KEY_ID", "local")
    environ.setdefault("AWS_SECRET_ACCESS_KEY", "local")
    environ.update(
        AWS_ENDPOINT_URL=endpoint,
        AWS_DEFAULT_REGION=region,
        AWS_REGION=region,
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        AWS_EC2_METADATA_DISABLED="true",
        RELAIS_STAGE=STAGE,
        RELAIS_CONFIG=str(config),
        RELAIS_API_URL="",  # the template's URL is not this stack's
    )
    for name in ("NO_PROXY", "no_proxy"):  # a proxy is for providers, not for this machine
        known = [host for host in given.get(name, "").split(",") if host]
        environ[name] = ",".join(dict.fromkeys([*known, "127.0.0.1", "localhost", "::1"]))
    return environ
