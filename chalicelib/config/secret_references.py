"""Parses configuration values that reference a secret stored elsewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

SECRET_NAME = re.compile(r"[A-Za-z0-9/_+=.@:-]{1,2048}")  # Secrets Manager's alphabet, and a full ARN's
PARAMETER_NAME = re.compile(r"[A-Za-z0-9/_.:-]{1,2048}")  # Parameter Store's alphabet, and a full ARN's
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
STAGE = "{stage}"


class MalformedReference(ValueError):
    """A value that starts like a reference but is invalid. The text is the correction and never quotes the value."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a secret is stored: `secret` is Secrets Manager, `ssm` Parameter Store, `env` the environment."""

    kind: Literal["secret", "ssm", "env"]
    name: str
    json_key: str | None = None

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}" + (f"#{self.json_key}" if self.json_key else "")

    @property
    def whole(self) -> Reference:
        """The reference without its JSON key: what to fetch, so that keys of one secret share one fetch."""
        return Reference(self.kind, self.name)


def parse(text: str, stage: str = "local") -> Reference | None:
    """Parses a reference, also with white space around it; None for a plain value (which may contain colons).

    `{stage}` in the name of a secret or parameter becomes `stage`, so that one file serves every stage.
    Raises `MalformedReference` for a known prefix with nothing usable after it.
    """
    prefix, colon, rest = text.strip().partition(":")
    if not colon:
        return None
    if prefix == "secret":
        return _secrets_manager(rest, stage)
    if prefix == "ssm":
        name = _filled_in(rest, stage)
        if not PARAMETER_NAME.fullmatch(name):
            raise MalformedReference("after ssm: comes the name of a parameter, as in ssm:/relais/{stage}/paris/key")
        return Reference("ssm", name)
    if prefix == "env":
        if not VARIABLE.fullmatch(rest):
            raise MalformedReference("after env: comes the name of an environment variable, as in env:PARIS_KEY")
        return Reference("env", rest)
    return None


def is_reference(text: str) -> bool:
    """Returns True for a reference, also for an invalid one."""
    try:
        return parse(text) is not None
    except MalformedReference:
        return True


def _secrets_manager(rest: str, stage: str) -> Reference:
    name, hash_sign, json_key = rest.partition("#")
    name = _filled_in(name, stage)
    if not SECRET_NAME.fullmatch(name):
        raise MalformedReference("after secret: comes the name of a secret, as in secret:relais/{stage}/paris#api_key")
    if hash_sign and not json_key:
        raise MalformedReference(
            "after # comes a key of the secret's JSON, as in secret:relais/{stage}/paris#api_key; "
            "leave # out to take the whole secret"
        )
    return Reference("secret", name, json_key or None)


def _filled_in(name: str, stage: str) -> str:
    name = name.replace(STAGE, stage)
    if "{" in name or "}" in name:
        raise MalformedReference(f"{STAGE} is the only placeholder in a reference")
    return name
