"""Cleans, checks, hashes and masks e-mail addresses; docs/addresses.md has the rules and a table of examples.

Three forms of an address are used. *Typed*: as a person wrote it, without decoration; events and links hold it.
*Clean*: the spelling that providers get, the same for all spellings of one mailbox. *Key*: a keyed hash of the
clean spelling, by which the ledger finds an address without storing it in clear.
"""

from __future__ import annotations

import hmac
import re
import unicodedata
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from itertools import dropwhile, islice, takewhile
from typing import NamedTuple
from urllib.parse import unquote

from .texts import trimmed

NORMALISATION_VERSION = 2
"""Version of the rules of `normalise`. A change of its result for any address must raise it and register a migration
(`ledger.normalisation_migrations`): entries under the old normal form would not be found any more."""
MAX_LENGTH = 254
"""Maximum characters of an address: the longest that SMTP allows (RFC 5321 §4.5.3.1.3, without its brackets)."""
MAX_DECORATED = 2000
"""Maximum characters of a text that is cleaned, to bound the work; a longer one is no address and stays as it is."""
INVALID = "is not a valid e-mail address"

_USUAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9.-]*[A-Za-z0-9-]")
"""Addresses of which cleaning changes at most the case: nearly all. They skip the slow path."""
_USUAL_SIGNUP = re.compile(
    r"[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*@(?:(?=[a-z0-9-]{1,63}\.)[a-z0-9]+(?:-[a-z0-9]+)*\.)+"
    r"(?!(?:arpa|invalid|local|localhost|onion)$)[a-z]{2,63}"
)
"""Clean addresses that email-validator accepts, so that it is not called: a call takes 100 µs, its import 20 ms."""
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKETED = re.compile(r"<[^<>]*@[^<>]*>")
"""An address in brackets; a second one is of another person, so neither may be left out."""
_ASCII_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?")
_JOINERS = "\u200c\u200d"
"""Invisible, but part of the spelling of some scripts (Persian, Hindi), so removed only at the ends."""
_TRAILING = ".,;\u3002\uff0e\uff61\uff0c\uff1b"
"""Punctuation after an address, with the full stops, commas and semicolons of Chinese and Japanese keyboards."""
_QUOTES = {'"': '"', "'": "'", "`": "`", "\u201c": "\u201d", "\u201e": "\u201c", "\u2018": "\u2019", "\u00ab": "\u00bb"}
_MAX_LABEL, _MAX_DOMAIN = 63, 253
_WITHOUT_FULL_STOPS = ("gmail.com", "googlemail.com")
"""Domains of one mail service that ignores full stops in the local part; most others do not."""
BULLETS = "•••"
_MOST_ACCENTS = 4


class Checked(NamedTuple):
    """An address as an event stores it, and why it is invalid (None if it is valid); the reason quotes no address."""

    address: str
    error: str | None


@dataclass(frozen=True, slots=True)
class Reading:
    """One mailbox that a text may mean."""

    clean: str
    """The spelling that providers get and the subscription state is found by."""
    others: tuple[str, ...] = ()
    """Other spellings that a provider may hold: the domain in Unicode, and upper case as typed. At most two."""

    @property
    def spellings(self) -> tuple[str, ...]:
        """All spellings that a provider gets of an unsubscribe, the clean one first."""
        return (self.clean, *self.others)


def signup_address(text: str) -> Checked:
    """Returns the clean spelling of a signup's address, with the reason if it is invalid. Makes no DNS query.

    Decoration is not removed: who signs up can correct it.
    """
    clean = text.lower() if _USUAL.fullmatch(text) else _clean(_visible(text))
    if len(clean) <= MAX_LENGTH and _USUAL_SIGNUP.fullmatch(clean):
        return Checked(clean, None)
    return Checked(clean, _error(clean) or _signup_error(clean))


def unsubscribe_address(text: str) -> Checked:
    """Returns an unsubscribe's address without decoration, with the reason if it is invalid.

    Everything that may be an address is valid: a person subscribed under an unusual one must be able to unsubscribe.
    `readings` returns what it may mean.
    """
    typed = undecorated(text)
    return Checked(typed, _error(typed))


def normalise(text: str) -> str:
    """Returns the clean spelling of an address in any spelling: the first of its `readings`.

    A `+tag` is retained: it may be another mailbox.
    """
    return text.lower() if _USUAL.fullmatch(text) else readings(text)[0].clean


def readings(text: str) -> tuple[Reading, ...]:
    """Returns the mailboxes that an address may mean: two if it contains white space, else one.

    White space is what remains of a `+` that was not encoded in a URL, or a typing mistake.
    """
    typed = undecorated(text)
    if not _USUAL.fullmatch(typed):
        return tuple(dict.fromkeys(_reading(_joined(typed, joint)) for joint in ("+", "")))
    clean = typed.lower()
    if "xn--" in clean:
        return (_reading(typed),)
    return (Reading(clean, () if typed == clean else (typed,)),)


def normal_forms(text: str) -> frozenset[str]:
    """Returns the clean spellings of all readings, to compare two addresses that may have two readings each."""
    if _USUAL.fullmatch(text):
        return frozenset((text.lower(),))
    return frozenset(reading.clean for reading in readings(text))


def undecorated(text: str) -> str:
    """Returns an address without what people, mail programs and pages put around it, in the case as typed.

    Removes invisible characters, white space at the ends and next to the @, `mailto:`, `<…>` with a display name,
    quotes around the whole, and trailing punctuation, in any order and number. Idempotent.
    """
    if _USUAL.fullmatch(text) or len(text) > MAX_DECORATED:
        return text
    while (shorter := _without_outermost(_visible(text))) != text:
        text = shorter
    return text


def keyed_hash(email: str, key: bytes) -> str:
    """Returns the HMAC-SHA-256 of the normalised address under `key`, as 43 URL-safe characters."""
    digest = hmac.digest(key, normalise(email).encode("utf-8", "surrogatepass"), sha256)
    return urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def fingerprint(key: bytes) -> str:
    """Returns a short name for `key` that does not reveal it, to record which keys the ledger was written with."""
    return urlsafe_b64encode(hmac.digest(key, b"relais address key", sha256))[:12].decode("ascii")


def mailbox(address: str) -> str:
    """Returns one spelling for all clean addresses that usually reach the same mailbox, to limit what is sent to it.

    Removes the `+tag` and, at Gmail, full stops and the second domain; folds variants of letters, such as full-width
    ones (NFKC).
    """
    local, _, domain = address.rpartition("@")
    if not local.isascii():
        local = unicodedata.normalize("NFKC", local).casefold()
    bare = local.partition("+")[0] if not local.startswith('"') else local
    if domain in _WITHOUT_FULL_STOPS:
        bare, domain = bare.replace(".", ""), _WITHOUT_FULL_STOPS[0]
    return f"{bare or local}@{domain}"


def masked(address: str) -> str:
    """Returns `a•••@example.com` for `anna@example.com`; always three bullets, so that the length is hidden.

    The first letter retains its combining accents. Invisible characters and those that reverse the surrounding text
    (white space, format characters such as U+202E) are removed.
    """
    local, _, domain = address.rpartition("@")
    return f"{_first_letter(_printed(local))}{BULLETS}@{_printed(domain)}"


def _error(address: str) -> str | None:
    if not address:
        return "must be an e-mail address"
    if len(address) > MAX_LENGTH:
        return f"must have at most {MAX_LENGTH} characters"
    if not address.isprintable() and any(_is_control(character) for character in address):
        return "must not contain control characters"
    name, at, domain = address.partition("@")
    if not at or "@" in domain:
        return "must contain exactly one @"
    if not name or not domain:
        return "must have something on both sides of the @"
    return None


def _signup_error(address: str) -> str | None:
    # Imported here: few signups need it, and it would slow down a cold start.
    from email_validator import EmailNotValidError, validate_email

    try:
        # `test_environment` accepts names under .test, which RFC 6761 reserves for tests.
        validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return INVALID  # the library's message may quote the address
    return None


def _is_control(character: str) -> bool:
    """Returns True for control characters but tab and line breaks, which count as white space, and for surrogates."""
    return unicodedata.category(character) in ("Cc", "Cs") and character not in "\t\r\n"


def _is_white(character: str) -> bool:
    return character.isspace() and not _is_control(character)


def _split_quoted(text: str) -> tuple[str, str]:
    """Splits off a quoted local part, which may contain anything; ("", text) if there is none."""
    quoted = _QUOTED.match(text)
    if quoted is not None and trimmed(text[quoted.end() :]).startswith("@"):
        return text[: quoted.end()], text[quoted.end() :]
    return "", text


def _visible(text: str) -> str:
    """Returns the text in NFC without invisible characters, and without white space at the ends and next to an @."""
    if len(text) > MAX_DECORATED:
        return text
    quoted, rest = _split_quoted(trimmed(text))
    if not rest.isascii():
        shown = (one for one in rest if one in _JOINERS or unicodedata.category(one) != "Cf")
        rest = unicodedata.normalize("NFC", "".join(shown))
    return quoted + "@".join(map(trimmed, rest.split("@")))


def _without_outermost(text: str) -> str:
    """Returns the text without its outermost decoration."""
    quoted, rest = _split_quoted(text)
    if rest.endswith(tuple(_TRAILING)):
        return quoted + rest.rstrip(_TRAILING)
    if len(text) > 1 and _QUOTES.get(text[0]) == text[-1]:
        return text[1:-1]
    if not quoted and text.endswith(">") and "@" in (inside := text[text.rfind("<") + 1 : -1]):
        return text if _BRACKETED.search(text[: text.rfind("<")]) else inside
    if text.startswith("<") and ">" not in text:
        return text[1:]
    if text[:7].lower() == "mailto:":
        return _from_mailto(text[7:])
    return text


def _from_mailto(text: str) -> str:
    """Returns the address of a mailto link, without its headers; percent-decoded if that gives an address."""
    address = text.partition("?")[0]
    try:
        decoded = unquote(address, errors="strict")
    except UnicodeDecodeError:
        return address
    return decoded if decoded.count("@") == 1 and not any(map(_is_control, decoded)) else address


def _joined(typed: str, joint: str) -> str:
    """Returns the address with `joint` for each white space outside a quoted local part."""
    while True:
        quoted, rest = _split_quoted(typed)
        if not any(map(_is_white, rest)):
            return typed
        typed = undecorated(quoted + "".join(joint if _is_white(one) else one for one in rest))


def _reading(typed: str) -> Reading:
    clean = _clean(typed)
    local, at, domain = clean.rpartition("@")
    unicode_domain = _unicode_domain(domain) if at else None
    spellings = dict.fromkeys([clean, f"{local}@{unicode_domain}" if unicode_domain else clean, typed])
    return Reading(clean, tuple(spellings)[1:])


def _clean(typed: str) -> str:
    """Returns the local part in NFC and lower case unless it is quoted, with the domain as A-labels."""
    quoted, rest = _split_quoted(typed)
    local, at, domain = rest.rpartition("@")
    return f"{quoted}{_lower(local)}{at}{_ascii_domain(domain) if at else _lower(domain)}"


def _lower(text: str) -> str:
    return unicodedata.normalize("NFC", text.lower())  # lower-casing some letters undoes NFC


def _ascii_domain(domain: str) -> str:
    """Returns the domain as A-labels; in lower case if UTS 46 rejects it, as any address may be unsubscribed."""
    if domain.isascii():
        return domain.lower()
    lower = _lower(domain)
    return _uts46(domain) or _uts46(lower) or lower


def a_labels(host: str) -> str | None:
    """Returns the host of a URL as A-labels, or None if UTS 46 rejects it."""
    return host.lower() if host.isascii() else _uts46(host)


def _uts46(domain: str) -> str | None:
    """Returns the domain as A-labels by UTS 46 (non-transitional), or None if that rejects it.

    `idna.encode` would also reject what IDNA 2008 does, such as symbols, which registries of some countries sell.
    """
    import idna  # imported here: its tables take 10 ms to load, and nearly every domain is ASCII

    try:
        labels = [_a_label(label) for label in idna.uts46_remap(domain, std3_rules=False).split(".")]
    except ValueError:  # also idna's own errors; and what it raises for a joiner after a character without a name
        return None
    mapped = ".".join(label or "" for label in labels)
    return mapped if all(labels) and len(mapped) <= _MAX_DOMAIN else None


def _a_label(label: str) -> str | None:
    """Returns a mapped label as A-label, None if it is invalid. Raises idna.IDNAError for one that is invalid, too."""
    import idna

    if not label.isascii():
        if label.startswith("-") or label.endswith("-") or label[2:4] == "--":
            return None
        idna.check_initial_combiner(label)
        idna.check_bidi(label)
        if not all(idna.valid_contextj(label, index) for index, one in enumerate(label) if one in _JOINERS):
            return None
        label = f"xn--{label.encode('punycode').decode('ascii')}"
    return label if len(label) <= _MAX_LABEL and _ASCII_LABEL.fullmatch(label) else None


def _unicode_domain(domain: str) -> str | None:
    """Returns a domain of A-labels in Unicode; None if it has no A-label, or one that is invalid."""
    if "xn--" not in domain:
        return None
    labels = domain.split(".")
    try:
        decoded = ".".join(one[4:].encode().decode("punycode") if one.startswith("xn--") else one for one in labels)
    except UnicodeError:
        return None
    return decoded if decoded != domain and _uts46(decoded) == domain else None


def _first_letter(text: str) -> str:
    letters = dropwhile(_is_mark, text)
    return next(letters, "") + "".join(islice(takewhile(_is_mark, letters), _MOST_ACCENTS))


def _printed(text: str) -> str:
    return "".join(character for character in text if unicodedata.category(character)[0] not in "CZ")


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] == "M"
