"""Which e-mail addresses are taken, at which strictness. No message repeats what was given."""

from __future__ import annotations

import unicodedata

MAX_LENGTH = 254
"""Characters of an address: the longest that a mail server can be given (RFC 5321 §4.5.3.1.3, without its brackets)."""


def trimmed(raw: str) -> str:
    """The address without the white space round it, and otherwise as typed."""
    return raw.strip()


def unsubscribe_mistake(address: str) -> str | None:
    """What is wrong with a trimmed address that somebody wants taken off, or None.

    As little as possible is asked: who is on a list under a strange address must be able to leave it.
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


def signup_mistake(address: str) -> str | None:
    """What is wrong with a trimmed address that somebody wants added, or None. No DNS is asked."""
    mistake = unsubscribe_mistake(address)
    if mistake is not None:
        return mistake
    # Imported here: only signups need it, and a cold start should not wait for it.
    from email_validator import EmailNotValidError, validate_email

    try:
        # `test_environment` lets names under .test through, which RFC 6761 reserves for exactly this use.
        validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return "is not a valid e-mail address"  # the library's own words may quote the address
    return None
