"""Tells robots from people by what a form sends back: a signed time, and a proof of work (ALTCHA) if it asks for one.

The time is that at which a page, or a challenge, was made. All is signed with the keys of `[unsubscribe]` under a
purpose of their own, so nothing is stored until a solution is used.
"""

from __future__ import annotations

import hmac
import json
import re
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs

from ..config.model import Form
from ..config.secrets import Secret
from ..domain.events import Doubt
from ..domain.times import epoch_milliseconds, from_epoch_milliseconds
from .bodies import Submission

STAMP, PROOF = "@timestamp", "altcha"
"""The form fields of the signed time and of the proof; no form has a field of the first name."""
FASTEST = timedelta(milliseconds=500)
"""A person needs longer to send a form, even if the browser fills it in."""
LONGEST = timedelta(hours=24)
HARDEST = 50_000
"""The largest number that solves a challenge; a browser tries half as many in about a second."""
_PURPOSE = b"relais form proof v1"
_DIGITS = 13
_STAMP = re.compile(rf"([0-9]{{{_DIGITS}}})\.([0-9a-f]{{32}})")
_PROOF_CHARACTERS = 2000


@dataclass(frozen=True, slots=True)
class Proved:
    """What a submission proves. `solution` names the challenge that it solves, which may be used once."""

    doubt: Doubt | None
    solution: str | None = None


class FormProofs:
    """Makes times and challenges of forms, and checks what comes back. `random_bytes(n)` returns n bytes."""

    def __init__(self, keys: Sequence[Secret], random_bytes: Callable[[int], bytes]) -> None:
        self._keys = tuple(keys)
        self._random_bytes = random_bytes

    def stamp(self, form: str, now: datetime) -> str:
        """Returns the signed time of a page of a form. Raises SecretUnavailable."""
        time = f"{epoch_milliseconds(now):0{_DIGITS}d}"
        return f"{time}.{_signature(_key(self._keys[0]), form, time)}"

    def challenge(self, form: str, now: datetime) -> dict[str, Any]:
        """Returns a new challenge as ALTCHA's widget reads it, and a signed time. Raises SecretUnavailable."""
        from altcha.v1 import ChallengeOptions, create_challenge

        stamp = self.stamp(form, now)
        options = ChallengeOptions(
            max_number=HARDEST,
            salt=self._random_bytes(12).hex(),
            number=int.from_bytes(self._random_bytes(8), "big") % (HARDEST + 1),
            hmac_key=_key(self._keys[0]),
            params={"at": stamp},
        )
        made = create_challenge(options)
        return {
            "algorithm": made.algorithm,
            "challenge": made.challenge,
            "maxnumber": made.max_number,
            "salt": made.salt,
            "signature": made.signature,
            "timestamp": stamp,
        }

    def check(self, form: Form, submission: Submission, now: datetime) -> Proved:
        """Returns what a signup proves. `doubt` is None also where the form asks for no proof and the signup has none.

        Raises SecretUnavailable.
        """
        solution, stamp = None, next(iter(submission.texts.get(STAMP, ())), None)
        if form.altcha:
            proof = _read(next(iter(submission.texts.get(PROOF, ())), ""))
            if proof is None or not any(_solves(proof, _key(key)) for key in self._keys):
                return Proved(Doubt.NO_PROOF)
            solution, made = str(proof["challenge"]), _stamp_of(proof)
            # The time in the challenge decides the form and the age, whatever time is sent beside it.
            doubt = self._doubt_of(form.name, made, now)
            if doubt in (Doubt.NO_PROOF, Doubt.STALE):
                return Proved(doubt)
            stamp = stamp or made
        if stamp is None or not self._keys:
            return Proved(None)
        return Proved(self._doubt_of(form.name, stamp, now), solution)

    def _doubt_of(self, form: str, stamp: str, now: datetime) -> Doubt | None:
        found = _STAMP.fullmatch(stamp)
        if found is None or not any(
            hmac.compare_digest(_signature(_key(key), form, found[1]), found[2]) for key in self._keys
        ):
            return Doubt.NO_PROOF
        age = now - from_epoch_milliseconds(int(found[1]))
        if age > LONGEST:
            return Doubt.STALE
        return Doubt.TOO_FAST if age < FASTEST else None


def _key(secret: Secret) -> bytes:
    return hmac.digest(secret.reveal().encode(), _PURPOSE, sha256)


def _signature(key: bytes, form: str, time: str) -> str:
    return hmac.digest(key, f"{form} {time}".encode("utf-8", "replace"), sha256).hex()[:32]


def _read(text: str) -> Mapping[str, Any] | None:
    """Returns the members of a proof: base64 of JSON, as ALTCHA's widget writes it; None for anything else."""
    if not text or len(text) > _PROOF_CHARACTERS:
        return None
    try:
        found = json.loads(b64decode(text, validate=True))
    except (ValueError, RecursionError):
        return None
    texts = ("algorithm", "challenge", "salt", "signature")
    if not isinstance(found, dict) or not all(_is_ascii(found.get(name)) for name in texts):
        return None
    number = found.get("number")
    plain = isinstance(number, int) and not isinstance(number, bool) and 0 <= number <= HARDEST
    return found if plain and found["algorithm"] == "SHA-256" else None


def _is_ascii(value: object) -> bool:
    return isinstance(value, str) and value.isascii()


def _solves(proof: Mapping[str, Any], key: bytes) -> bool:
    from altcha.v1 import verify_solution

    payload: Any = {name: proof[name] for name in ("algorithm", "challenge", "number", "salt", "signature")}
    solved, _ = verify_solution(payload, key, check_expires=False)
    return bool(solved)


def _stamp_of(proof: Mapping[str, Any]) -> str:
    """Returns the signed time in the challenge of a proof, which its signature covers; "" if there is none."""
    return next(iter(parse_qs(str(proof["salt"]).partition("?")[2]).get("at", ())), "")
