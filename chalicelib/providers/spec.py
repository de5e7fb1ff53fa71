"""What a provider declares and what it can be asked: all that the rest of Relais knows of any provider.

A provider is a sub-package of `chalicelib.providers` with a module-level `SPEC: ProviderSpec`. Nothing elsewhere
names it; `registry` finds it by the name an account's `provider` key gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, Protocol

from ..domain.figures import Figures

if TYPE_CHECKING:
    from .account import Account
    from .transport.session import Transport


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `calls` in `seconds`. With `shared_by = "ip"` one budget serves all accounts of the provider."""

    calls: int
    seconds: float
    shared_by: Literal["account", "ip"]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider can do, as data. The core decides by these and never asks which provider it is."""

    has_lists: bool
    signup_batch: int = 0
    """Contacts a signup call takes; 0: the provider takes no signups."""
    signup_repeat_is_harmless: bool = False
    """True if signing the same contact up twice leaves one (an upsert); False if it may leave two rows."""
    parallel_calls: int = 1
    """Calls that may be under way at once for one account and verb."""
    reads_unsubscribes: bool = False
    """Can it be asked who left (`unsubscribed`)?"""
    reads_subscribers: bool = False
    """Can it be asked whom it would still mail (`subscribed`)?"""
    lifts_suppression: bool = False
    """Can an unsubscribe be taken back by API (`lift`), so that a later signup can bring the person back?"""
    unsuppress_by_hand: str = ""
    """Where it cannot: what an operator is to do at the vendor, as an instruction without a full stop."""
    deletes_subscribers: bool = False
    """Can it be told to delete a person (`forget`)?"""
    has_global_unsubscribe: bool = False
    statistics: Literal["none", "all_at_once", "per_campaign"] = "none"
    statistics_kept_for: timedelta | None = None
    """How long the provider itself still shows a campaign; None: not stated."""
    rate_limit: RateLimit | None = None
    fetches_lists: bool = False
    """Can it be told to fetch a file of contacts itself? Whoever left is not kept out of such a list by Relais."""


@dataclass(frozen=True, slots=True)
class Option:
    """A key of `[accounts.NAME]` that this provider reads, besides `provider`, `base_url` and `open_base_url`."""

    name: str
    required: bool = True
    secret: bool = False
    choices: tuple[str, ...] = ()
    default: str | bool | None = None
    help: str = ""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a provider function, as `help` shows it."""

    name: str
    type: Literal["string", "integer", "number", "boolean", "object", "array", "datetime"]
    required: bool = True
    help: str = ""


@dataclass(frozen=True, slots=True)
class Function:
    """A provider call that an operator can make by name. `changes`: it changes something at the provider."""

    name: str
    parameters: tuple[Parameter, ...] = ()
    changes: bool = False
    help: str = ""
    campaign: CampaignBegun | None = None
    """Set where a call begins a campaign that the provider cannot list afterwards, so that Relais must remember it."""


@dataclass(frozen=True, slots=True)
class Contact:
    """One row of a signup: the address as the person gave it, and provider fields without the address's own."""

    email: str
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CampaignFigures(Figures):
    """A campaign and its totals as the provider shows them now. `sent_at` is aware, UTC."""

    campaign: str
    name: str | None = None
    subject: str | None = None
    sent_at: datetime | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)
    """The provider's own figures, untouched; aggregates only, never a person."""


CampaignBegun = Callable[[Mapping[str, Any], Any], CampaignFigures | None]
"""The campaign that a call has begun, from its parameters and its result as JSON values; None if it began none."""


@dataclass(frozen=True, slots=True)
class KnownCampaign:
    """A campaign that the statistics hold already. `due`: it is time to read its figures again."""

    campaign: str
    name: str | None = None
    subject: str | None = None
    sent_at: datetime | None = None
    due: bool = True


@dataclass(frozen=True, slots=True)
class Unsubscribed:
    """Somebody who left, as the provider tells it."""

    email: str
    at: datetime | None = None
    """When, aware, in UTC; None if it is not told. Where the provider leaves the zone open it is the latest moment that
    may be meant, which can lie ahead of now."""
    provider_id: str | None = None
    """What the provider calls this row, where it has a name for it."""
    version: str | None = None
    """Another text whenever the provider has changed this row, and nothing more; None where id and time tell it."""


class Unsubscribes(Iterator[Unsubscribed]):
    """Who left, row by row and once; a row that holds no e-mail address (a telephone number) is passed over.

    Made from the provider's rows as they come, None for one without an address. Reading on may raise `ProviderError`.
    """

    def __init__(self, rows: Iterable[Unsubscribed | None]) -> None:
        self._rows = iter(rows)
        self.skipped = 0
        """Rows so far that hold no address."""

    def __next__(self) -> Unsubscribed:
        for row in self._rows:
            if row is not None:
                return row
            self.skipped += 1
        raise StopIteration


class Provider(Protocol):
    """One account at a provider. Safe to use from several threads; every method may raise `ProviderError`.

    `budget` is the number of seconds that the whole method may take; it never starts a call that could outlive it.
    """

    def sign_up(self, list_id: str, contacts: Sequence[Contact], *, budget: float) -> None:
        """Add `contacts` (at most `signup_batch`) to a list. All or error: no answer tells single rows apart."""

    def unsubscribe(self, email: str, *, global_scope: bool, budget: float) -> str | None:
        """Unsubscribe an address from every list of the account; `global_scope`: from all senders, where offered.

        Gives what the provider calls the row that it made, where it names one (as `Unsubscribed.provider_id`).
        """

    def lift_suppression(self, email: str, *, list_id: str | None, provider_id: str | None, budget: float) -> None:
        """Take back that the person left, so that mail may go out again (`lifts_suppression`).

        `list_id` is the list that the person comes back to, `provider_id` what the provider was last known to call the
        row. Nothing to take back is success. CONTACT where the provider keeps the person out for a reason of its own.
        """

    def forget(self, email: str, *, budget: float) -> None:
        """Unsubscribe the address and delete it, wherever it is (`deletes_subscribers`). Being nowhere is success."""

    def list_exists(self, list_id: str, *, budget: float) -> bool:
        """Ask the provider afresh whether the list is there (used to tell a bad row from a missing list)."""

    def address_field(self, list_id: str, *, budget: float) -> str:
        """The name of the list's own field for the address, as it may stand over a column of a file."""

    def fetch_list(self, list_id: str, url: str, *, budget: float) -> None:
        """Have the provider fetch a CSV file and add its rows to a list (`fetches_lists`)."""

    def unsubscribed(self, *, budget: float) -> Unsubscribes:
        """Everybody whom the provider now holds as unsubscribed. `budget` covers reading to the end."""

    def subscribed(self, *, budget: float) -> Iterator[str]:
        """Addresses that the provider would still mail (`reads_subscribers`); one on several lists may come again.

        `budget` covers reading to the end. Reading on may raise `ProviderError`.
        """

    def campaigns(self, *, budget: float, known: Sequence[KnownCampaign] = ()) -> Iterable[CampaignFigures]:
        """The figures of the campaigns that the provider still shows.

        Where they cost a call each (`per_campaign`), those of `known` that are not due are left out, and a provider
        that cannot list its campaigns gives those of `known`.
        """

    def call(self, function: str, params: Mapping[str, Any], *, budget: float) -> Any:
        """Make one declared function by its name and return its result as JSON values, secrets masked."""


@dataclass(frozen=True, slots=True)
class ProviderSpec:
    """A provider's declaration."""

    name: str
    title: str
    base_url: str
    """The vendor's own base, without a final slash; an account may name another (with or without one)."""
    capabilities: Capabilities
    options: tuple[Option, ...]
    functions: tuple[Function, ...]
    connect: Callable[[Account, Transport], Provider]
    """Make the client of one account. Cheap: no call is made and no secret is read until one is needed."""
