"""A sample Relais configuration with the sandbox's accounts."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence

from .ediware.samples import API_KEY as EDIWARE_KEY
from .mailpartner.samples import API_KEY as MAILPARTNER_KEY
from .mymailmarket.samples import CREDENTIALS, NEWSLETTER

SAMPLE_ADMIN_KEY = "sample-admin-key-only-for-this-machine-0000"
SAMPLE_ADDRESS_KEY = "sample-address-key-only-for-this-machine-0000"
SAMPLE_UNSUBSCRIBE_KEY = "sample-unsubscribe-key-only-for-this-machine-0000"
SAMPLE_WEBHOOK_SECRET = "whsec_" + b64encode(b"sample-webhook-key-only-for-this-machine").decode()

_EDIWARE = f"""\
[accounts.paris]
provider = "ediware"
api_key = "{EDIWARE_KEY}"
base_url = "@URL@/ediware/api_http"

[forms.footer]
account = "paris"
list = "4781"
[forms.footer.fields]
email = "@email"
prenom = "prenom"
nom = "nom"
"@unsubscribe_url" = "lien_desabo"
"""

_MAILPARTNER = f"""\
[accounts.lettre]
provider = "mailpartner"
api_key = "{MAILPARTNER_KEY}"
base_url = "@URL@/mailpartner/v1"
"""

_MYMAILMARKET = f"""\
[accounts.brussel]
provider = "mymailmarket"
{"".join(f'{name} = "{value}"{chr(10)}' for name, value in CREDENTIALS.items())}\
base_url = "@URL@/mymailmarket/V2.svc"

[forms.nieuwsbrief]
account = "brussel"
list = "{NEWSLETTER}"
[forms.nieuwsbrief.fields]
email = "@email"
voornaam = "FirstName"
naam = "LastName"
"""

_REST = f"""\
[webhooks.shop]
secret = "{SAMPLE_WEBHOOK_SECRET}"

[privacy]
address_keys = ["{SAMPLE_ADDRESS_KEY}"]

[unsubscribe]
keys = ["{SAMPLE_UNSUBSCRIBE_KEY}"]

[api]
admin_key = "{SAMPLE_ADMIN_KEY}"
public_url = "@PUBLIC_URL@"
"""

_SYNC = """\
[sync.unsubscribes]
from = {read_from}
to = {propagate_to}
"""

_ACCOUNTS = {"ediware": _EDIWARE, "mailpartner": _MAILPARTNER, "mymailmarket": _MYMAILMARKET}

_READ_UNSUBSCRIBES = ("mailpartner", "mymailmarket")

SAMPLE_PROVIDERS = ("ediware", "mailpartner", "mymailmarket")
"""Providers in the sample configuration by default."""


def sample_config(
    sandbox_url: str, providers: Sequence[str] = SAMPLE_PROVIDERS, public_url: str = "http://127.0.0.1:8000"
) -> str:
    """Return the TOML text of a configuration with a sample account at each of `providers`, all at the sandbox.

    `public_url` is the product's own address, for links that it writes.
    """
    accounts = [_ACCOUNTS[name].replace("@URL@", sandbox_url.rstrip("/")) for name in providers]
    names = {"ediware": "paris", "mailpartner": "lettre", "mymailmarket": "brussel"}
    readable = [names[provider] for provider in providers if provider in _READ_UNSUBSCRIBES]
    all_names = [names[provider] for provider in providers]
    sync = [_SYNC.format(read_from=json.dumps(readable), propagate_to=json.dumps(all_names))] if readable else []
    return "\n".join([*accounts, *sync, _REST.replace("@PUBLIC_URL@", public_url)])
