"""Reads the configuration file into `Settings`, or reports all of its errors at once."""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .. import names
from ..domain.errors import ConfigurationError, FieldError
from ..providers.spec import ProviderSpec
from .accounts import read_accounts
from .field_errors import FieldErrors
from .forms import read_forms
from .mail import read_mail
from .model import Settings
from .other_sections import (
    read_api,
    read_delivery,
    read_organisation,
    read_privacy,
    read_sources,
    read_timezone,
    read_unsubscribe_keys,
    read_unsubscribe_sync,
    read_webhooks,
)
from .secret_cache import SHARED, Vault
from .toml_errors import explain
from .toml_table import TomlTable
from .value_limits import FILE_KB

DEFAULT_PATH = Path(__file__).resolve().parent.parent / "relais.toml"
"""Beside the code, where it is deployed."""
_NO_SANDBOX = (
    "only `make run` has a provider sandbox, a deployed Relais has none: delete this line, and give every account its "
    "own keys"
)


def find_path(environ: Mapping[str, str] = os.environ) -> Path:
    """Returns the path of the file: `RELAIS_CONFIG`, else `chalicelib/relais.toml` beside the code."""
    named = environ.get("RELAIS_CONFIG")
    return Path(named) if named else DEFAULT_PATH


def load(
    path: Path, environ: Mapping[str, str] = os.environ, *, specs: Mapping[str, ProviderSpec] | None = None
) -> Settings:
    """Loads the settings. Secrets are read later; `env:` references are looked up in `environ`.

    `specs` are the providers that accounts may name, by default all installed ones. Raises `ConfigurationError` with
    one field error for each thing to correct; an error never quotes a value that could be a secret.
    """
    return settings_of(read_document(path), environ, specs=specs)


@dataclass(frozen=True, slots=True)
class Document:
    """A configuration file that is valid TOML: its `values`, and its `text` to find the line of an error."""

    path: Path
    text: str
    values: Mapping[str, Any]


def read_document(path: Path) -> Document:
    """Reads a file without checking its keys. Raises `ConfigurationError` when it cannot be read or is no TOML."""
    text = _read(path)
    return Document(path, text, _parse(path, text))


def settings_of(
    document: Document, environ: Mapping[str, str] = os.environ, *, specs: Mapping[str, ProviderSpec] | None = None
) -> Settings:
    """Checks every key of a document; see `load`.

    If the file has no `public_url`, it is that of the stack's domain or API. In the HTTP function of a stack without a
    domain it stays None: there each request states it (`web.access.public_url`).
    """
    errors = FieldErrors(document.path, document.text)
    vault = SHARED if environ is os.environ else Vault(environ)
    values = document.values
    own_url, api = names.public_url(environ), values.get("api", {})
    if own_url and isinstance(api, Mapping):
        values = {**values, "api": {"public_url": own_url, **api}}
    settings = read_settings(TomlTable(values, (), errors, vault), _Installed() if specs is None else specs)
    errors.raise_if_any()
    if settings.api.public_url == names.FROM_REQUEST:
        return replace(settings, api=replace(settings.api, public_url=None))
    return settings


def read_settings(root: TomlTable, specs: Mapping[str, ProviderSpec]) -> Settings:
    """Reads every key of the file. Errors are recorded in `root`; what is wrong is left out of the settings."""
    accounts, known_accounts = read_accounts(root, specs)
    settings = Settings(
        accounts=accounts,
        forms=read_forms(root, known_accounts),
        webhooks=read_webhooks(root, known_accounts),
        sync_unsubscribes=read_unsubscribe_sync(root, known_accounts),
        sources=read_sources(root, known_accounts),
        delivery=read_delivery(root),
        privacy=read_privacy(root),
        unsubscribe_keys=read_unsubscribe_keys(root),
        organisation=read_organisation(root),
        mail=read_mail(root),
        timezone=read_timezone(root),
        api=read_api(root),
    )
    if root.flag("sandbox", False):
        root.wrong("sandbox", _NO_SANDBOX)
    root.finish()
    return settings


def _read(path: Path) -> str:
    largest = FILE_KB * 1024
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise _unusable(path, "it is a directory: name the file in it")
        if not stat.S_ISREG(mode):
            raise _unusable(path, "it is no ordinary file")
        with path.open("rb") as file:
            data = file.read(largest + 1)
    except FileNotFoundError:
        remedy = (
            "there is no such file: copy local/sample.toml to try, chalicelib/relais.example.toml to deploy, or name "
            "another file in RELAIS_CONFIG"
        )
        raise _unusable(path, remedy) from None
    except OSError as error:
        raise _unusable(path, f"the file cannot be read: {error.strerror}") from None
    if len(data) > largest:
        raise _unusable(path, f"the file is larger than {FILE_KB} KB")
    text = _decode(data)
    if text is None:
        raise _unusable(path, "the file is not UTF-8: save it as UTF-8")
    return text


def _decode(data: bytes) -> str | None:
    """Decodes the text; None if it is not UTF-8. The codec's error is dropped because it contains the whole file."""
    if b"\0" in data:  # UTF-16 or UTF-32; TOML holds no NUL
        return None
    try:
        return data.decode("utf-8").lstrip("\ufeff")
    except UnicodeDecodeError:
        return None


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        # Message, line and column only: newer Pythons keep the whole file on the error itself.
        problem = f"the file is not valid TOML: {explain(str(error), text)}"
    except ValueError:  # Python's own limit of digits
        problem = "the file is not valid TOML: a number has too many digits"
    except RecursionError:
        problem = "the file is nested too deeply: Relais' own keys are at most four levels deep"
    else:
        if values:
            return values
        problem = "the file is empty: write one after chalicelib/relais.example.toml"
    raise _unusable(path, problem)


def _unusable(path: Path, message: str) -> ConfigurationError:
    return ConfigurationError([FieldError(str(path), message)])


class _Installed(Mapping[str, ProviderSpec]):
    """The installed providers. A provider is imported only when an account names it."""

    def __getitem__(self, name: str) -> ProviderSpec:
        from ..providers import registry

        return registry.spec(name)

    def __iter__(self) -> Iterator[str]:
        from ..providers import registry

        return iter(registry.names())

    def __len__(self) -> int:
        return sum(1 for _ in self)
