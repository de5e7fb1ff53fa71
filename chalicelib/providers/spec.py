"""Defines what a provider declares and the calls it takes: all that the rest of Relais knows of a provider.

A provider is a sub-package of `chalicelib.providers` with a module-level `SPEC: ProviderSpec`. No other code names it;
`registry` finds it by the `provider` key of an account.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
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
    """What a provider can do, as data. Other code decides by these and never by the provider's name."""

    has_lists: bool
    signup_batch: int = 0
    """Contacts that a signup call takes; 0 if the provider takes no signups."""
    signup_repeat_is_harmless: bool = False
    """True if signing up a contact twice leaves one row (an upsert); False if it may leave two."""
    parallel_calls: int = 1
    """Calls that may be under way at once for one account and event type."""
    reads_unsubscribes: bool = False
    """True if its unsubscribes can be read (`unsubscribed`)."""
    reads_subscribers: bool = False
    """True if the addresses that it mails can be read (`subscribed`)."""
    lifts_suppression: bool = False
    """True if a suppression can be lifted by API (`lift_suppression`), so that a later signup resubscribes."""
    unsuppress_by_hand: str = ""
    """Where it cannot: what an operator must do at the vendor, as an instruction without a full stop."""
    deletes_subscribers: bool = False
    """True if it can delete a person (`forget`)."""
    has_global_unsubscribe: bool = False
    statistics: Literal["none", "all_at_once", "per_campaign"] = "none"
    statistics_retention: timedelta | None = None
    """How long the provider itself shows a campaign; None if not stated."""
    rate_limit: RateLimit | None = None
    sends_mail: bool = False
    """True if it can send a single mail (`send_mail`)."""
    keeps_nothing: bool = False
    """True if nothing reaches anybody: its forms have no limits, and statistics and the dashboard leave it out."""
    receives_events: bool = False
    """True if each call reports one event under the event's id, by which the receiver drops repeats. Then every signup
    is a call of its own, only the clean spelling of an address is sent, and refusals never pause a list."""
    fetches_lists: bool = False
    """True if it can fetch a file of contacts itself; Relais cannot remove unsubscribed addresses from such a file."""

    @property
    def may_double_rows(self) -> bool:
        """True if repeating a signup may leave a second row: such an account has a `probe`."""
        return self.signup_batch > 0 and not self.signup_repeat_is_harmless


@dataclass(frozen=True, slots=True)
class Option:
    """A key of `[accounts.NAME]` that this provider reads, besides `provider`, `base_url` and `open_base_url`."""

    name: str
    required: bool = True
    secret: bool = False
    choices: tuple[str, ...] = ()
    default: str | bool | None = None
    format: Literal["text", "receiver_url", "webhook_secret"] = "text"
    """What its text is: `receiver_url`, an https URL of one's own server; `webhook_secret`, `whsec_…`."""
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
    """A provider call that operators can make by name. `changes`: it changes something at the provider."""

    name: str
    parameters: tuple[Parameter, ...] = ()
    changes: bool = False
    help: str = ""
    campaign: StartedCampaign | None = None
    """Set where a call starts a campaign that the provider cannot list afterwards, so that Relais must remember it."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """The event that a call is made for; providers that receive events report it (`receives_events`)."""

    event_id: str
    occurred_at: datetime
    origin: str
    """How the event came in: a word of `domain.events.Door`, or `other`."""
    form: str | None = None
    list: str | None = None
    reading: int = 1
    """2 for the second mailbox that an unsubscribe's address may mean."""


@dataclass(frozen=True, slots=True)
class Contact:
    """One row of a signup: the address as the person wrote it, and provider fields without the address's own.

    `occasion` is that of the row's latest event.
    """

    email: str
    fields: Mapping[str, str] = field(default_factory=dict)
    occasion: Occasion | None = None


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail to one person, with the same words as text and as HTML."""

    to: str
    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)
    reply_to: str | None = None


@dataclass(frozen=True, slots=True)
class CampaignFigures(Figures):
    """A campaign and its current totals at the provider. `sent_at` is aware, UTC."""

    campaign: str
    name: str | None = None
    subject: str | None = None
    sent_at: datetime | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)
    """The provider's own figures, unchanged; aggregates only, never a person."""
    unreadable: tuple[str, ...] = ()
    """The provider's names of figures that were stated but cannot be read; they count as lacking."""


StartedCampaign = Callable[[Mapping[str, Any], Any], CampaignFigures | None]
"""Returns the campaign that a call has started, from its parameters and its result as JSON values; None if none."""


@dataclass(frozen=True, slots=True)
class KnownCampaign:
    """A campaign that the statistics have already. `due`: its figures must be read again."""

    campaign: str
    name: str | None = None
    subject: str | None = None
    sent_at: datetime | None = None
    due: bool = True


@dataclass(frozen=True, slots=True)
class Unsubscribed:
    """An unsubscribed address at the provider."""

    email: str
    at: datetime | None = None
    """The time, aware, in UTC; None if not stated. Without a stated zone it is the latest moment that may be meant,
    possibly in the future."""
    provider_id: str | None = None
    """The provider's own id of this row, if it has one."""
    version: str | None = None
    """A text that differs whenever the provider has changed this row; None where id and time show a change."""


class Unsubscribes(Iterator[Unsubscribed]):
    """Iterates once over unsubscribed addresses; skips and counts rows without one (a telephone number).

    Made from the provider's rows, None for one without an address. Reading on may raise `ProviderError`.
    """

    def __init__(self, rows: Iterable[Unsubscribed | None]) -> None:
        self._rows = iter(rows)
        self.skipped = 0
        """Number of rows so far without an address."""

    def __next__(self) -> Unsubscribed:
        for row in self._rows:
            if row is not None:
                return row
            self.skipped += 1
        raise StopIteration


class Provider(Protocol):
    """One account at a provider. Safe to use from several threads; every method may raise `ProviderError`.

    `budget` is the total time of the method in seconds; no call is started that could exceed it.
    """

    def sign_up(self, list_id: str, contacts: Sequence[Contact], *, budget: float) -> None:
        """Adds `contacts` (at most `signup_batch`) to a list, all or none: no answer identifies single rows."""

    def unsubscribe(
        self, email: str, *, global_scope: bool, budget: float, occasion: Occasion | None = None
    ) -> str | None:
        """Unsubscribes an address from every list of the account; `global_scope`: from all senders, where offered.

        `occasion` matters where the provider `receives_events`. Returns the provider's id of the new row, if it states
        one (as `Unsubscribed.provider_id`).
        """

    def lift_suppression(self, email: str, *, list_id: str | None, provider_id: str | None, budget: float) -> None:
        """Lifts a suppression, so that the provider mails the address again (`lifts_suppression`).

        `list_id` is the list that the person resubscribes to, `provider_id` the last known id of the unsubscribe's row.
        Nothing to lift is success. CONTACT where the provider suppresses the address for a reason of its own.
        """

    def forget(self, email: str, *, budget: float, occasion: Occasion | None = None) -> None:
        """Unsubscribes and deletes the address on every list (`deletes_subscribers`). Success also if it is on none."""

    def send_mail(self, mail: Mail, *, budget: float) -> None:
        """Sends a mail from the account's own sender (`sends_mail`). A repeat sends a second one."""

    def probe(self, *, budget: float) -> None:
        """Makes a cheap call that changes nothing, to find out whether the account answers again.

        It is made after a call of unknown outcome where `may_double_rows`; elsewhere the next delivery is the probe.
        """

    def read_lists(self, wanted: Collection[str], *, budget: float) -> Mapping[str, str]:
        """Reads the names of the account's lists by their ids, uncached, by calls that change nothing.

        Success shows that key, calling address and base URL are accepted, also where there are no lists to return.
        Reading may stop once all lists in `wanted` are found. Errors have a `remedy` where more is known than the kind.
        """

    def list_exists(self, list_id: str, *, budget: float) -> bool:
        """Asks the provider, uncached, whether the list exists (to distinguish a bad row from a missing list)."""

    def address_field(self, list_id: str, *, budget: float) -> str:
        """Returns the name of the list's own field for the address, which may be a column's name in a file."""

    def columns(self, list_id: str, *, budget: float) -> Sequence[str]:
        """Returns the names of the list's fields, as far as the provider can be asked for them; they may not be all."""

    def fetch_list(self, list_id: str, url: str, *, budget: float) -> None:
        """Has the provider fetch a CSV file and add its rows to a list (`fetches_lists`)."""

    def unsubscribed(self, *, budget: float) -> Unsubscribes:
        """Reads all addresses that are unsubscribed at the provider. `budget` covers reading to the end."""

    def subscribed(self, *, budget: float) -> Iterator[str]:
        """Reads the addresses that the provider mails (`reads_subscribers`); one on several lists may be repeated.

        `budget` covers reading to the end. Reading on may raise `ProviderError`.
        """

    def campaigns(self, *, budget: float, known: Sequence[KnownCampaign] = ()) -> Iterable[CampaignFigures]:
        """Reads the figures of the campaigns that the provider still shows.

        Where they cost a call each (`per_campaign`), those of `known` that are not due are omitted, and a provider
        that cannot list its campaigns reads those of `known`.
        """

    def call(self, function: str, params: Mapping[str, Any], *, budget: float) -> Any:
        """Calls one declared function by its name; returns its result as JSON values, secrets masked."""


@dataclass(frozen=True, slots=True)
class Implementation:
    """What makes a provider's calls: those by name, and the client of an account."""

    functions: tuple[Function, ...]
    connect: Callable[[Account, Transport], Provider]


@dataclass(frozen=True, slots=True)
class ProviderSpec:
    """A provider's declaration."""

    name: str
    title: str
    base_url: str
    """The vendor's own base URL, without a final slash; an account may configure another. Empty: there is none."""
    capabilities: Capabilities
    options: tuple[Option, ...]
    load: Callable[[], Implementation]
    """Imports what makes the calls. Most functions read declarations and call no provider."""
    webhooks: Callable[[], Mapping[str, Any]] = dict
    """Returns the requests that it posts to a back end, by name, as path items of OpenAPI 3.1: their `webhooks`."""

    @property
    def functions(self) -> tuple[Function, ...]:
        """The calls that operators can make by name."""
        return self.load().functions

    def connect(self, account: Account, transport: Transport) -> Provider:
        """Makes the client of one account, without a call or a secret being read."""
        return self.load().connect(account, transport)
