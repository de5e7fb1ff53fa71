"""Imports of a cold start: counted, because a time would depend on the machine more than on the product."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from chalicelib.providers import registry
from local.bench.workers import signups
from local.lambdas import events
from local.lambdas.runtime_client import function_environ
from tests.packaged.conftest import Artefact
from tests.packaged.functions import isolated
from tests.packaged.gateway_events import form, scheduled
from tests.support.aws import REGION

MOST_MODULES = 300
IMPORT_ONLY = """
import sys
before, path = set(sys.modules), list(sys.path)
import time
started = time.perf_counter()
import app
seconds, at_start = time.perf_counter() - started, set(sys.modules)
"""
ANSWER = """
import json, os
class Context:
    aws_request_id = "request"
    get_remaining_time_in_millis = staticmethod(lambda: 50_000)
answer = getattr(app, os.environ["_HANDLER"].partition(".")[2])(json.loads(os.environ["EVENT"]), Context())
"""
TELL = """
import json, platform
print()
print(json.dumps({
    "python": platform.python_version(), "answer": globals().get("answer"),
    "seconds": seconds, "new": sorted(at_start - before), "later": sorted(set(sys.modules) - at_start), "path": path,
    "files": {name: getattr(module, "__file__", None) for name, module in sys.modules.items()},
}))
"""
# Needed by one kind of work each, or by none in Lambda.
NEVER_AT_IMPORT = {
    *("boto3", "requests", "urllib3", "multipart", "email_validator", "dns", "defusedxml", "http.cookiejar"),
    *("aws_lambda_powertools.utilities.batch", "aws_lambda_powertools.utilities.parser", "pydantic", "aws_xray_sdk"),
    *("aws_lambda_powertools.utilities.parameters", "aws_lambda_powertools.utilities.idempotency"),
    *("botocore.client", "botocore.session", "xml.etree.ElementTree", "zoneinfo", "asyncio", "ssl"),
    *("chalice.awsclient", "chalice.cli", "chalice.config", "chalice.deploy", "chalice.local", "chalice.package"),
    *("chalice.test", "moto", "flask", "pytest", "local", "tests"),
    *(
        "chalicelib.delivery.dispatcher",
        "chalicelib.delivery.worker",
        "chalicelib.operators",
        "chalicelib.statistics.collect",
    ),
    *("chalicelib.jobs", "chalicelib.contact_import", "chalicelib.unsubscribe_sync", "chalicelib.unsubscribe_links"),
    "chalicelib.description",
    *("chalicelib.providers.transport.session", "chalicelib.privacy", "cryptography", "cffi", "jinja2", "markupsafe"),
    *(f"chalicelib.providers.{name}" for name in registry.names()),
}
NEVER_FOR_A_FORM = {
    *("defusedxml", "dns", "pydantic", "asyncio", "chalicelib.delivery.dispatcher", "chalicelib.operators"),
    *(
        "chalicelib.providers.transport",
        "chalicelib.providers.functions",
        "chalicelib.jobs",
        "chalicelib.contact_import",
        "chalicelib.unsubscribe_sync",
    ),
    *("cryptography", "cffi", "jinja2", "markupsafe", "moto", "local", "tests"),
    *(
        "chalicelib.web.routes.webhooks",
        "chalicelib.web.routes.events",
        "chalicelib.web.routes.statistics",
        "chalicelib.web.routes.unsubscribe",
        "chalicelib.web.pages",
    ),
    *("chalicelib.statistics", "chalicelib.ingestion.signatures", "chalicelib.description"),
}
CLIENTS = {"ediware": "client", "mailpartner": "client", "mymailmarket": "api"}
HEAVY = (
    *(
        "boto3",
        "requests",
        "charset_normalizer",
        "cryptography",
        "jinja2",
        "defusedxml",
        "email_validator",
        "multipart",
    ),
    *("dns", "pydantic", "aws_xray_sdk", "asyncio", "zoneinfo"),
    *("chalicelib.delivery.worker", "chalicelib.statistics", "chalicelib.unsubscribe_sync", "chalicelib.jobs"),
    *("chalicelib.contact_import", "chalicelib.operators", "chalicelib.privacy", "chalicelib.dashboard"),
    *("chalicelib.web.routes.forms", "chalicelib.web.routes.dashboard", "chalicelib.web.pages"),
    *(f"chalicelib.providers.{name}.{module}" for name, module in CLIENTS.items()),
)
"""What takes milliseconds to import."""
_CALLS = {"requests", "charset_normalizer", "zoneinfo"}
_WORKER = {"boto3", *_CALLS, "chalicelib.delivery.worker"}
_EDIWARE, _MAILPARTNER, _MYMAILMARKET = (f"chalicelib.providers.{name}.{module}" for name, module in CLIENTS.items())
AT_START = {
    "app": {"boto3", "multipart", "chalicelib.web.routes.forms"},
    "signups": {*_WORKER, _EDIWARE, _MYMAILMARKET},
    "unsubscribes": {*_WORKER, _EDIWARE, _MAILPARTNER, _MYMAILMARKET},
    "sweep": {"boto3"},
    "collect_stats": {"boto3", *_CALLS, "chalicelib.statistics", _EDIWARE, _MAILPARTNER, _MYMAILMARKET},
    "sync_unsubscribes": {"boto3", *_CALLS, "chalicelib.unsubscribe_sync", _MAILPARTNER, _MYMAILMARKET},
    "report": {"boto3"},
}
"""Of these, what a function has imported when it is given its first event; `report` stands for all of operators."""


def output_of(artefact: Artefact, *script: str, **environ: str) -> dict[str, Any]:
    """Output of a new interpreter that runs `script` in the task root; an import alone initialises nothing."""
    lambdas = dict.fromkeys(function_environ("", "", 0), "")
    kept = {name: value for name, value in artefact["api_handler"].environ.items() if name not in lambdas}
    done = subprocess.run(
        isolated("-c", "".join((*script, TELL))),
        cwd=artefact.packaged.unpacked,
        env={**kept, "_HANDLER": "app.app", **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def started(artefact: Artefact, function: str, event: Any = None) -> dict[str, Any]:
    """Output of a function that is started as by Lambda, and given `event` if there is one."""
    answer = () if event is None else (ANSWER,)
    environ = dict(function_environ(f"relais-local-{function}", f"app.{function}", 512))
    return output_of(artefact, IMPORT_ONLY, *answer, EVENT=json.dumps(event), **environ)


def among(modules: set[str], unwanted: set[str]) -> set[str]:
    """Those of the unwanted modules, or of their parts, that are there."""
    return {name for name in modules if any(name == one or name.startswith(f"{one}.") for one in unwanted)}


def test_importing_the_app_loads_no_feature_modules(artefact: Artefact, capsys: pytest.CaptureFixture[str]) -> None:
    found = output_of(artefact, IMPORT_ONLY)
    modules = set(found["new"])
    with capsys.disabled():
        sys.stdout.write(
            f"\n[the zip: {artefact.packaged.megabytes:.1f} MB; importing app.py in Python {found['python']}:"
            f" {found['seconds']:.2f} s here, {len(modules)} modules]\n"
        )
    assert among(modules, NEVER_AT_IMPORT) == set()
    assert len(modules) <= MOST_MODULES


@pytest.mark.parametrize("function", AT_START)
def test_a_function_that_lambda_starts_loads_what_its_events_need_and_no_more(
    artefact: Artefact, function: str
) -> None:
    modules = set(started(artefact, function)["new"])
    assert {name for name in HEAVY if among(modules, {name})} == AT_START[function]


def test_a_form_request_loads_no_provider_and_no_other_route(artefact: Artefact) -> None:
    found = started(artefact, "app", form("signup", email="zoe@example.com"))
    assert found["answer"]["statusCode"] == 202
    modules = {*found["new"], *found["later"]}
    assert among(modules, NEVER_FOR_A_FORM) == set()
    assert {"boto3", "botocore"} <= modules  # the names that are looked for are the right ones


@pytest.mark.parametrize(
    ("function", "event", "of_some_events"),
    [
        ("app", form("signup", email="lea@example.com"), set()),
        ("signups", events.queued(signups(1), "relais-local-signups", REGION), set()),
        ("sweep", scheduled(), set()),
        ("collect_stats", scheduled(), set()),
    ],
)
def test_a_first_event_finds_its_modules_loaded(
    artefact: Artefact, function: str, event: Any, of_some_events: set[str]
) -> None:
    """They would be imported with a share of a processor only; `of_some_events`: other events do without."""
    later = started(artefact, function, event)["later"]
    ours = {name.partition(".")[0] for name in later} - sys.stdlib_module_names
    assert ours == of_some_events, later


def test_every_module_is_from_the_zip_or_the_standard_library(artefact: Artefact) -> None:
    found = started(artefact, "app", form("signup", email="zoe@bücher.example.com"))
    root = str(artefact.packaged.unpacked)
    ours = {name.partition(".")[0] for name, file in found["files"].items() if file and file.startswith(root)}
    assert {"app", "boto3", "botocore", "chalice", "chalicelib", "aws_lambda_powertools"} <= ours
    elsewhere = {name: file for name, file in found["files"].items() if file and "site-packages" in file}
    assert elsewhere == {}
