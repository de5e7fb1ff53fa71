"""Reaches a deployed stage with the usual AWS credentials, and says in one line what prevents it."""

from __future__ import annotations

import os

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    ProxyConnectionError,
    SSLError,
)

_NO_CREDENTIALS = "There are no AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
_UNREACHABLE = (EndpointConnectionError, ConnectTimeoutError, ProxyConnectionError, SSLError)
_REJECTED = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignatureException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)


def region() -> str | None:
    """Returns the region that AWS_REGION names, which the AWS command line reads and boto3 does not; None without one.

    boto3 then takes that of AWS_DEFAULT_REGION or of the profile.
    """
    return os.environ.get("AWS_REGION") or None


def error_code(error: ClientError | BotoCoreError) -> str:
    """Returns AWS' code of an error, without the namespace that some services put before it; "" for one from here."""
    code = str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""
    return code.rpartition("#")[2]


def access_problem(error: ClientError | BotoCoreError, right: str) -> str | None:
    """Returns what to do where credentials, region or network are at fault; None for any other error.

    `right` is what a caller has to be allowed, as in `lambda:InvokeFunction on relais-prod-report`.
    """
    code = error_code(error)
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return _NO_CREDENTIALS
    if isinstance(error, NoRegionError):
        return "No AWS region is set: set AWS_REGION to that of the stage."
    if isinstance(error, ProfileNotFound):
        return f"{error}: AWS_PROFILE must name one of ~/.aws/config."
    if isinstance(error, _UNREACHABLE):
        return f"AWS cannot be reached from here, so nothing was done: {error}"
    if "Token" in type(error).__name__ or code in _REJECTED:  # also SSO: sign in again
        return f"AWS does not accept these credentials ({code or error}): sign in again, or use others."
    if code.startswith("AccessDenied"):
        return f"These credentials may not do that: they need {right}."
    return None
