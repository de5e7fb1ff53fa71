"""The environment that the stack runs in, from the one it was started in: one region, one AWS, no profile."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

STAGE = "local"
DEFAULT_REGION = "eu-west-3"

# What would lead boto3 elsewhere: the developer's own profile, regions, endpoints and credential sources.
_LEADS_ASTRAY = (
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


def stack_environ(given: Mapping[str, str], endpoint: str, config: Path) -> dict[str, str]:
    """`given`, made to reach the AWS at `endpoint` alone and to use the configuration `config`."""
    embedded = not given.get("AWS_ENDPOINT_URL")
    environ = {
        name: value
        for name, value in given.items()
        if name not in _LEADS_ASTRAY and not (embedded and name.startswith("AWS_ENDPOINT_URL_"))
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
    )
    for name in ("NO_PROXY", "no_proxy"):  # a proxy is for providers, not for this machine
        known = [host for host in given.get(name, "").split(",") if host]
        environ[name] = ",".join(dict.fromkeys([*known, "127.0.0.1", "localhost", "::1"]))
    return environ
