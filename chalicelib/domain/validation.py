"""Validates e-mail addresses: strictly for signups, leniently for unsubscribes. No message quotes the address."""

from __future__ import annotations

import unicodedata

MAX_LENGTH = 254
"""Maximum characters of an address: the longest that SMTP allows (RFC 5321 §4.5.3.1.3, without its brackets)."""


def trimmed(raw: str) -> str:
    """Returns the address without surrounding white space, otherwise as typed."""
    return raw.strip()


def unsubscribe_address_error(address: str) -> str | None:
    """Returns why a trimmed address is invalid for an unsubscribe, or None.

    The check is as lenient as possible: a person subscribed under an unusual address must be able to unsubscribe.
    """
    if not address:
        return "must be an e-mail address"
    if len(address) > MAX_LENGTH:
        return f"must have at most {MAX_LENGTH} characters"
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in address):
        return "must not contain control characters"
    name, at, domain = address.partition("@")
    if not at or "@" in domain:
        return "must contain exactly one @"
    if not name or not domain:
        return "must have something on both sides of the @"
    return None


def signup_address_error(address: str) -> str | None:
    """Returns why a trimmed address is invalid for a signup, or None. Makes no DNS query."""
    problem = unsubscribe_address_error(address)
    if problem is not None:
        return problem
    # Imported here: only signups need it, and it would slow down a cold start.
    from email_validator import EmailNotValidError, validate_email

    try:
        # `test_environment` accepts names under .test, which RFC 6761 reserves for tests.
        validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return "is not a valid e-mail address"  # the library's message may quote the address
    return None
