"""Writes what `check` says of an account, a form or a source, for people who are not programmers. No I/O."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..config.model import Form
from ..domain.errors import Kind, ProviderError
from ..domain.names_alike import nearest_name, plain_name

MOST_SHOWN = 10
"""Lists or fields that a text names."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and what to do about it."""

    problem: str
    do: str


@dataclass(slots=True)
class Finding:
    """What was found of one account, form or source; `unchecked`: what could not be looked at, as text."""

    problems: list[Problem] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Returns its part of the answer."""
        problems = [{"problem": one.problem, "do": one.do} for one in self.problems]
        return {"ok": not problems, "problems": problems, "unchecked": list(self.unchecked)}


UNFINISHED = Problem(
    "it was not checked to the end in the function's time",
    "Check again. If it stays so, give the function `check` a longer timeout.",
)
UNKNOWN_FIELDS = (
    "its fields: the provider does not tell those of this list, so sign up by the form yourself, and look whether the "
    "event is delivered"
)
WITHOUT_ADDRESS_KEY = "no signup and no unsubscribe is accepted"
WITHOUT_ADMIN_KEY = "nobody gets to the dashboard, to GET /events and to GET /stats"
WITHOUT_UNSUBSCRIBE_KEY = "links in mails are not made, and those made with it are not accepted"
WITHOUT_SIGNATURE = "what is signed with it is not accepted"
_LEAVE_IT = "If nobody on the list has it yet, leave it. Otherwise: "
_FUNCTION = re.compile(r"^[a-z_]+: ")
"""The provider's function, with which its errors begin: meaningless to people who do not know the API."""
_REMEDIES = {
    Kind.ACCOUNT: "Look at the account at the provider, and compare its section in the configuration.",
    Kind.LATER: "Check again later. If it stays so, ask the provider.",
    Kind.UNKNOWN: "Check again later. If it stays so, ask the provider.",
    Kind.CALLER: "Compare the account's section in the configuration with what the provider shows.",
    Kind.CONTACT: "Ask the provider what its answer means.",
}


def of_provider_error(error: ProviderError, title: str) -> Problem:
    """Returns the problem of an account whose provider, called `title`, does not answer as it should."""
    if error.kind is Kind.ACCOUNT:
        what = f"the account cannot be used at {title}"
    elif error.kind in (Kind.LATER, Kind.UNKNOWN):
        what = f"{title} does not answer as it should"
    else:
        what = f"{title} refuses what it was asked"
    return Problem(f"{what}: {_FUNCTION.sub('', error.message)}", error.remedy or _REMEDIES[error.kind])


def of_unusable_account(account: str) -> Problem:
    """Returns the problem of a form whose account has one."""
    what = f"it cannot be checked while the account {account} has a problem"
    return Problem(what, f"Solve the problem of the account {account} first.")


def of_ledger(message: str) -> Problem:
    """Returns the problem of an account that was not asked because Relais' own ledger does not answer."""
    return Problem(f"Relais' own ledger does not answer: {message}", "Check again later. If it stays so, see DynamoDB.")


def of_configuration(message: str) -> Problem:
    """Returns the problem of a value of the configuration that cannot be used, as the message says."""
    return Problem(message, "Correct it where the message says, and check again.")


def of_defect(error: str) -> Problem:
    """Returns the problem of a check that failed by an unexpected `error`."""
    return Problem(f"the check itself failed ({error})", "Report it, with the log of the function `check`.")


def of_missing_key(reason: str) -> Problem:
    """Returns the problem of an address key, or a normalisation of addresses, that the ledger needs."""
    do = "See the runbook of the alarm address-keys-missing. Signups wait until then, and go on by themselves."
    return Problem(reason, do)


def of_unreadable_key(message: str, consequence: str) -> Problem:
    """Returns the problem of a key of Relais' own that cannot be read, as the message says, with its consequence."""
    return Problem(message, f"Put the key where the message says. Until then {consequence}.")


def of_missing_list(list_id: str, account: str, key: str, lists: Mapping[str, str]) -> Problem:
    """Returns the problem of a list that is not among `lists`; `key` says where the configuration has it."""
    problem = f'the account {account} has no list "{list_id}"'
    if not lists:
        return Problem(problem, f"The provider shows no list at all: make one there, and put its id into {key}.")
    near = nearest_name(list_id, lists)
    shown = _shown([f'"{each}" ({name})' if name else f'"{each}"' for each, name in lists.items()], len(lists))
    guess = f'Did you mean "{near}"? ' if near else ""
    return Problem(problem, f"{guess}Put the id of one of its lists into {key}, in quotes: {shown}.")


def of_fields(form: Form, address_field: str, columns: Collection[str]) -> Finding:
    """Returns what is wrong with the fields that a form sends beside the address.

    `address_field` is the list's own field for the address. `columns` are fields that were seen on the list; others
    may exist. So one that was not seen is a problem only if it resembles a seen one, or others of the form were seen.
    """
    section = f"[forms.{form.name}.fields]"
    found = Finding()
    seen = {target for _, target in _sent(form)} & set(columns)
    has = f"The list has: {_shown(sorted(columns), len(columns))}."
    for source, target in _sent(form):
        if plain_name(target) == plain_name(address_field):
            problem = f'"{source}" = "{target}" is the list\'s field for the address, which Relais fills itself'
            do = f'Take it out of {section}, or write "@email" for {target} if it is the form\'s field of the address.'
            found.problems.append(Problem(problem, do))
        elif target not in columns:
            near = nearest_name(target, set(columns) - seen)
            if near or seen:
                guess = f'Did you mean "{near}"? ' if near else _LEAVE_IT
                do = f"{guess}Correct it in {section}. {has}"
                found.problems.append(Problem(f'the list has no field "{target}"', do))
            elif columns:
                found.unchecked.append(f'its field "{target}", which was not seen on the list. {has}')
    if not columns:
        found.unchecked.append(UNKNOWN_FIELDS)
    return found


def of_source_error(message: str, remedy: str, name: str, *, may_pass: bool) -> Problem:
    """Returns the problem of a source that cannot be read; `may_pass`: trying again may help."""
    by_itself = f"Check again later. If it stays so, ask the operator of the host, and compare url of [sources.{name}]."
    correct = f"Open the url of [sources.{name}] where you are not logged in: the CSV file itself must come."
    return Problem(f"the file cannot be read: {message}", remedy or (by_itself if may_pass else correct))


def _sent(form: Form) -> Iterable[tuple[str, str]]:
    yield from form.fields.items()
    if form.unsubscribe_url_field is not None:
        yield "@unsubscribe_url", form.unsubscribe_url_field


def _shown(texts: Sequence[str], total: int) -> str:
    more = f" and {total - MOST_SHOWN} more" if total > MOST_SHOWN else ""
    return ", ".join(texts[:MOST_SHOWN]) + more
