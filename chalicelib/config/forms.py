"""Reads the sections `[forms.NAME]` with their fields."""

from __future__ import annotations

from typing import Literal

from ..domain.languages import LANGUAGES
from ..domain.limits import NAME_CHARACTERS, NAME_PARTS
from ..domain.names_alike import composed
from ..domain.nested_names import parts_of
from . import checks, value_limits
from .accounts import KnownAccounts
from .checks import Check
from .field_errors import closest, unknown
from .hosted_page import read_hosted_page
from .model import MAIL_BY_SES, Form
from .toml_table import TomlTable

ADDRESS = "@email"
"""Denotes the provider's address column, whatever its name."""
UNSUBSCRIBE_URL = "@unsubscribe_url"
"""Denotes the person's unsubscribe link, a form field that no browser fills."""
_SILENT_WORDS: tuple[Literal["auto", "never"], ...] = ("auto", "never")


def read_forms(root: TomlTable, known_accounts: KnownAccounts) -> dict[str, Form]:
    """Reads every form of the file."""
    return {name: _form(root, table, known_accounts) for name, table in root.named_tables("forms").items()}


def _form(root: TomlTable, table: TomlTable, known_accounts: KnownAccounts) -> Form:
    account, list_id = known_accounts.signup_target(table)
    trap = composed(table.text_or("trap", "website", longest=NAME_CHARACTERS))
    email_field, fields = _fields(root, table)
    link_field = fields.pop(UNSUBSCRIBE_URL, None)
    if trap in fields or trap == email_field:
        named = "" if "trap" in table.keys else f' (the trap is "{trap}" unless this key names another one)'
        table.wrong("trap", f"is also a field of the form{named}: choose a name that people leave empty")
    redirects = {
        key: checks.encoded_url(page) if (page := table.text_or(key, None, checks.page)) else None
        for key in ("redirect", "redirect_unsubscribe")
    }
    form = Form(
        name=table.name,
        account=account,
        list=list_id,
        email_field=email_field,
        unsubscribe_url_field=link_field if root.leads_to("unsubscribe") else None,
        fields=fields,
        origins=frozenset(map(checks.normal_origin, table.texts("origins", checks.origin) or ())),
        **redirects,
        language=table.text_or("language", None, checks.OneOf(LANGUAGES, "language")),
        trap=trap,
        lifts_suppression=table.flag("lifts_suppression", False),
        unsubscribes_per_hour=table.number(value_limits.UNSUBSCRIBES_PER_HOUR),
        signups_per_hour=table.number(value_limits.SIGNUPS_PER_HOUR),
        signups_per_hour_per_network=table.number(value_limits.SIGNUPS_PER_HOUR_PER_NETWORK),
        field_length=table.number(value_limits.FIELD_LENGTH),
        allow_links=table.flag("allow_links", False),
        link_fields=frozenset(map(composed, table.texts("link_fields", _one_of_fields(fields)) or ())),
        silent_after=table.number_or(value_limits.SILENT_AFTER, "hours", _SILENT_WORDS, "auto"),
        required=frozenset(map(composed, table.texts("required", _one_of_fields({**fields, email_field: ""})) or ()))
        - {email_field},
        page=read_hosted_page(table, (email_field, *fields)),
        altcha=_altcha(root, table),
        confirm=_confirm(root, table, known_accounts),
        confirm_within_hours=table.number(value_limits.CONFIRM_WITHIN_HOURS),
        copy_to=_copy_to(table, account, known_accounts),
    )
    table.finish()
    return form


def _copy_to(table: TomlTable, account: str, known_accounts: KnownAccounts) -> tuple[str, ...]:
    """Reads the webhook accounts that also get the form's signups."""
    names = dict.fromkeys(table.texts("copy_to", known_accounts.receives_events) or ())
    if account in names:
        table.wrong("copy_to", f'"{account}" is the account of the form itself, which gets each signup already')
    return tuple(names)


def _confirm(root: TomlTable, table: TomlTable, known_accounts: KnownAccounts) -> str | None:
    """Reads who sends the form's confirmation mails, and checks that they can be sent and their links be made."""
    sender = table.text_or("confirm", None, known_accounts.sends_mail)
    if sender is None:
        return None
    if not root.leads_to("unsubscribe"):
        table.wrong("confirm", "needs a key for the links of its mails: add [unsubscribe] with keys")
    if _lacks_url(root, table):
        table.wrong("confirm", "needs the address of the links in its mails: add public_url to [api]")
    if sender == MAIL_BY_SES and not root.leads_to("mail"):
        table.wrong("confirm", 'needs a sender: add [mail] with from = "lettre@example.com"')
    return sender


def _altcha(root: TomlTable, table: TomlTable) -> bool:
    """Reads whether signups need a proof of work, and checks that challenges can be signed and asked for."""
    wanted = table.flag("altcha", False)
    if wanted and not root.leads_to("unsubscribe"):
        table.wrong("altcha", "needs a key that signs the challenges: add [unsubscribe] with keys")
    if wanted and _lacks_url(root, table):
        table.wrong("altcha", "needs the address of the challenges: add public_url to [api]")
    return wanted


def _lacks_url(root: TomlTable, table: TomlTable) -> bool:
    """Returns True if there is no public URL, unless `_fields` reports that already for the form's unsubscribe link."""
    reported = root.leads_to("unsubscribe") and table.leads_to("fields", UNSUBSCRIBE_URL)
    return not root.leads_to("api", "public_url") and not reported


def _one_of_fields(fields: dict[str, str]) -> Check:
    return lambda name: None if composed(name) in fields else unknown("field", name, tuple(fields))


def _fields(root: TomlTable, form: TomlTable) -> tuple[str, dict[str, str]]:
    """Reads the form field of the address, and the others with their provider fields (with `@unsubscribe_url`)."""
    example = f'email = "{ADDRESS}"'
    table = form.table("fields", f"add [{form.dotted('fields')}] with {example} and what else the form sends")
    if table is None:
        return "", {}
    fields: dict[str, str] = {}
    for key, target in table.named_texts(_form_field, _target, longest=NAME_CHARACTERS).items():
        if composed(key) in fields:
            table.wrong(key, "stands there twice, with its accents written in two ways")
        fields[composed(key)] = target
    links_without_url = root.leads_to("unsubscribe") and not root.leads_to("api", "public_url")
    if UNSUBSCRIBE_URL in fields and links_without_url:
        remedy = 'public_url = "https://relais.example.com" to [api]'
        table.wrong(UNSUBSCRIBE_URL, f"no unsubscribe link can be made: add {remedy}")
    addresses = [key for key, target in fields.items() if target == ADDRESS]
    if not addresses and not table.has_errors:
        form.wrong("fields", f"no field is the address: add {example}, with the form's own name for it")
    for extra in addresses[1:]:
        table.wrong(extra, f'the address is already "{addresses[0]}": only one field can be "{ADDRESS}"')
    others = {key: target for key, target in fields.items() if target != ADDRESS}
    _report_duplicates(table, others)
    return (addresses[0] if addresses else ""), others


def _target(text: str) -> str | None:
    if text == UNSUBSCRIBE_URL:
        return f'belongs on the left: "{UNSUBSCRIBE_URL}" = "the provider field"'
    if text.startswith("@") and text != ADDRESS:
        return f'must be a provider field or "{ADDRESS}"'
    return None


def _form_field(name: str) -> str | None:
    if len(name) > NAME_CHARACTERS:
        return f"a form field's name has at most {NAME_CHARACTERS} characters"
    if len(parts_of(name) or ()) > NAME_PARTS:
        return f"a form field's name has at most {NAME_PARTS} parts, each but the first in brackets"
    if name.startswith("@") and name != UNSUBSCRIBE_URL:
        guess = closest(name, (UNSUBSCRIBE_URL,))
        other_way_round = f'the address is written the other way round: email = "{ADDRESS}"'
        meant = f'did you mean "{guess}"?' if guess else other_way_round
        return f'only "{UNSUBSCRIBE_URL}" may begin with @ here; {meant}'
    return None


def _report_duplicates(table: TomlTable, fields: dict[str, str]) -> None:
    """Reports two form fields for one provider field: the second would silently overwrite the first."""
    first: dict[str, str] = {}
    for key, target in fields.items():
        if first.setdefault(target, key) != key:
            table.wrong(key, f'goes to the same provider field as "{first[target]}": each needs one of its own')
