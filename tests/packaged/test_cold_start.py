"""Imports of a cold start: counted, because a time would depend on the machine more than on the product."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from chalicelib.providers import registry
from tests.packaged.conftest import Artefact
from tests.packaged.functions import isolated
from tests.packaged.gateway_events import form

MOST_MODULES = 300
IMPORT_ONLY = """
import sys
before, path = set(sys.modules), list(sys.path)
import time
started = time.perf_counter()
import app
seconds = time.perf_counter() - started
"""
ANSWER_A_FORM = """
import json, os
answer = app.app(json.loads(os.environ["EVENT"]), None)
assert answer["statusCode"] == 202, answer
"""
TELL = """
import json, platform
print()
print(json.dumps({
    "python": platform.python_version(),
    "seconds": seconds, "new": sorted(set(sys.modules) - before), "path": path,
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
    *("chalicelib.providers.transport.session", "chalicelib.privacy", "cryptography", "cffi", "jinja2", "markupsafe"),
    *(f"chalicelib.providers.{name}" for name in registry.names()),
}
NEVER_FOR_A_FORM = {
    *("defusedxml", "dns", "pydantic", "asyncio", "chalicelib.delivery.dispatcher", "chalicelib.operators"),
    *(
        "chalicelib.providers.transport.session",
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
    *("chalicelib.statistics", "chalicelib.ingestion.signatures"),
}


def output_of(artefact: Artefact, *script: str, **environ: str) -> dict[str, Any]:
    """Output of a new interpreter that runs `script` in the task root."""
    done = subprocess.run(
        isolated("-c", "".join((*script, TELL))),
        cwd=artefact.packaged.unpacked,
        env={**artefact["api_handler"].environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


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


def test_a_form_request_loads_no_provider_and_no_other_route(artefact: Artefact) -> None:
    event = json.dumps(form("signup", email="zoe@example.com"))
    modules = set(output_of(artefact, IMPORT_ONLY, ANSWER_A_FORM, EVENT=event)["new"])
    assert among(modules, NEVER_FOR_A_FORM) == set()
    assert {"boto3", "botocore"} <= modules  # the names that are looked for are the right ones


def test_every_module_is_from_the_zip_or_the_standard_library(artefact: Artefact) -> None:
    found = output_of(
        artefact, IMPORT_ONLY, ANSWER_A_FORM, EVENT=json.dumps(form("signup", email="zoe@bücher.example.com"))
    )
    root = str(artefact.packaged.unpacked)
    ours = {name.partition(".")[0] for name, file in found["files"].items() if file and file.startswith(root)}
    assert {"app", "boto3", "botocore", "chalice", "chalicelib", "aws_lambda_powertools"} <= ours
    elsewhere = {name: file for name, file in found["files"].items() if file and "site-packages" in file}
    assert elsewhere == {}
