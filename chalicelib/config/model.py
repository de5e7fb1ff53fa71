"""The configuration as frozen values, made by `load`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Literal

from ..domain.events import Event, EventType
from ..domain.form_silence import SilentAfter
from ..providers.account import Account
from . import value_limits
from .secrets import Secret


@dataclass(frozen=True, slots=True)
class ConsentText:
    """What a person agrees to on a form's hosted page, and the version that is kept as evidence."""

    text: str
    version: str


@dataclass(frozen=True, slots=True)
class HostedPage:
    """What `GET /forms/{form}` shows besides the address."""

    title: str | None = None
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Language -> form field -> label, in the order of the file: the fields that the page shows."""
    consent: Mapping[str, ConsentText] = field(default_factory=dict)
    """By language; each language of `labels` has one, or none has."""

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that the page can be shown in; empty if it shows the address alone: then in any."""
        return tuple(self.labels or self.consent)


@dataclass(frozen=True, slots=True)
class Form:
    """A website form: `fields` maps form field to provider field; `email_field` is the form field of the address."""

    name: str
    account: str
    list: str
    email_field: str
    fields: Mapping[str, str]
    """Form field -> provider field, without the address and without `@unsubscribe_url`."""
    unsubscribe_url_field: str | None = None
    """Provider field that Relais fills with the person's unsubscribe link."""
    origins: frozenset[str] = frozenset()
    redirect: str | None = None
    """Where a browser goes after a signup; None: a page of Relais."""
    redirect_unsubscribe: str | None = None
    """The same after an unsubscribe."""
    language: str | None = None
    """The language of its pages for visitors who ask for none of Relais' languages."""
    trap: str = "website"
    lifts_suppression: bool = False
    unsubscribes_per_hour: int = value_limits.UNSUBSCRIBES_PER_HOUR.default
    signups_per_hour: int = value_limits.SIGNUPS_PER_HOUR.default
    signups_per_hour_per_network: int = value_limits.SIGNUPS_PER_HOUR_PER_NETWORK.default
    """0: no such limit."""
    field_length: int = value_limits.FIELD_LENGTH.default
    """Characters that a field may have."""
    allow_links: bool = False
    """False: a link or an HTML tag in a field makes the signup `refused`, reason `spam`."""
    link_fields: frozenset[str] = frozenset()
    """Form fields that may hold a link or a tag all the same."""
    silent_after: SilentAfter = "auto"
    """After how long without a signup an alarm is raised: `auto` (by its own rhythm), a number of hours, or `never`."""
    required: frozenset[str] = frozenset()
    """Form fields that must not be empty, besides the address."""
    page: HostedPage = HostedPage()
    altcha: bool = False
    """True: a signup without a proof of work is quarantined."""
    confirm: str | None = None
    """The account that sends confirmation mails, or `MAIL_BY_SES`; None: no double opt-in."""
    confirm_within_hours: float = value_limits.CONFIRM_WITHIN_HOURS.default
    copy_to: tuple[str, ...] = ()
    """Webhook accounts that also get its signups."""

    @property
    def accounts(self) -> tuple[str, ...]:
        """The accounts that a signup goes to, its own first."""
        return (self.account, *self.copy_to)

    def mapped(self, signup: Event) -> Event:
        """Returns a signup of this form for its provider: with the form's list, and with provider fields.

        Fields that the form does not map, or does not map any more, are left out.
        """
        fields = {self.fields[name]: text for name, text in signup.fields.items() if name in self.fields}
        return replace(signup, list=self.list, fields=fields)

    def copied(self, signup: Event) -> Event:
        """Returns a signup of this form for an account that gets a copy: with the form's list and its own fields."""
        return replace(signup, list=self.list)


MAIL_BY_SES = "ses"
"""The reserved name that stands for Amazon SES where an account could be named."""


@dataclass(frozen=True, slots=True)
class MailText:
    """The configured words of a confirmation mail in one language; None: those of Relais."""

    subject: str | None = None
    body: str | None = None


@dataclass(frozen=True, slots=True)
class MailSettings:
    """The sender of mails by SES, and the configured words of confirmation mails by language."""

    sender: str
    """`address`, or `Name <address>`."""
    reply_to: str | None = None
    ses_region: str | None = None
    texts: Mapping[str, MailText] = field(default_factory=dict)


DEFAULT_TIMEZONE = "Europe/Paris"
DEFAULT_WEBHOOK_TYPES = frozenset({"signup", "unsubscribe"})


@dataclass(frozen=True, slots=True)
class Webhook:
    """A back end that may post signed events."""

    name: str
    secrets: tuple[Secret, ...]
    types: frozenset[str] = DEFAULT_WEBHOOK_TYPES
    accounts: frozenset[str] | None = None
    """Accounts that its events may name; None: all."""
    account: str | None = None
    """The account of this sender, to which the events that it sends are not delivered."""


@dataclass(frozen=True, slots=True)
class UnsubscribeSync:
    """Accounts that unsubscribes are read from, and accounts that they are propagated to."""

    read_from: tuple[str, ...]
    propagate_to: tuple[str, ...]
    baseline: Literal["tell", "known"] = "tell"
    news_per_run: int = value_limits.NEWS_PER_RUN.default


@dataclass(frozen=True, slots=True)
class Source:
    """A CSV file that a contacts sync may read."""

    name: str
    url: str = field(repr=False)
    """Not in the repr, because an export's URL may contain a key in its query."""
    account: str
    list: str
    allow_private: bool = False
    fetch: Literal["relais", "provider"] = "relais"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When failed deliveries are tried again and given up, in seconds and hours; decimals allowed."""

    first_retry_seconds: float = value_limits.FIRST_RETRY_SECONDS.default
    longest_retry_seconds: float = value_limits.LONGEST_RETRY_SECONDS.default
    give_up_after_hours: float = value_limits.GIVE_UP_AFTER_HOURS.default
    unknown_attempts: int = value_limits.UNKNOWN_ATTEMPTS.default
    """Attempts of unknown outcome before a signup is parked, where a repeat may leave a second row."""


@dataclass(frozen=True, slots=True)
class Privacy:
    """Keys of the address hash (the first is used for writes, all for look-ups), and how long data is kept."""

    address_keys: tuple[Secret, ...]
    keep_events_days: int = value_limits.KEEP_EVENTS_DAYS.default
    """After an event is final."""
    keep_consent_years: int = value_limits.KEEP_CONSENT_YEARS.default
    """After the person has unsubscribed; until then evidence of consent is kept in any case."""


@dataclass(frozen=True, slots=True)
class Api:
    """The HTTP API: admin key and public URL."""

    admin_key: Secret | None = None
    public_url: str | None = None


@dataclass(frozen=True, slots=True)
class Organisation:
    """Whose forms and mails these are, as pages and mails show it."""

    name: str
    url: str | None = None
    privacy_url: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole configuration."""

    accounts: Mapping[str, Account]
    privacy: Privacy
    forms: Mapping[str, Form] = field(default_factory=dict)
    webhooks: Mapping[str, Webhook] = field(default_factory=dict)
    sync_unsubscribes: UnsubscribeSync | None = None
    sources: Mapping[str, Source] = field(default_factory=dict)
    delivery: RetryPolicy = field(default_factory=RetryPolicy)
    unsubscribe_keys: tuple[Secret, ...] = ()
    organisation: Organisation | None = None
    mail: MailSettings | None = None
    timezone: str = DEFAULT_TIMEZONE
    """The time zone of the dashboard's pages, a name of the IANA database."""
    api: Api = field(default_factory=Api)

    @property
    def targets(self) -> Mapping[str, tuple[str, str, Mapping[str, str], str | None]]:
        """What decides where and how the signups of each form are delivered."""
        forms = self.forms.values()
        return {form.name: (form.account, form.list, form.fields, form.unsubscribe_url_field) for form in forms}

    @property
    def mails_by_ses(self) -> bool:
        """True if Amazon SES sends the confirmation mails of a form: it can be paused like an account."""
        return any(form.confirm == MAIL_BY_SES for form in self.forms.values())

    @property
    def confirm_within(self) -> timedelta:
        """The longest time that a form leaves people to confirm their signup; 0 without double opt-in."""
        hours = (form.confirm_within_hours for form in self.forms.values() if form.confirm)
        return timedelta(hours=max(hours, default=0))

    def missing_form(self, event: Event) -> str | None:
        """Returns the reason why a signup waits if its form is not in this configuration; None for any other event."""
        if event.type is not EventType.SIGNUP or event.form is None or event.form in self.forms:
            return None
        return f"form {event.form} is not in the configuration"

    def list_of(self, event: Event) -> str | None:
        """Returns the list of a signup, that of its form in this configuration; None without one."""
        form = self.forms.get(event.form or "")
        return event.list if form is None or event.type is not EventType.SIGNUP else form.list
