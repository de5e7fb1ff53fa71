"""Builds the SAM template of a stage with Chalice from `app.py` and `.chalice/`.

Chalice generates handlers, routes and triggers. `.chalice/` adds the rest: `resources.json` tables and parameters,
`metric-alarms.json` alarms on the product's metrics, `each-function.json` and `each-queue.json` what every function and
every queue has, `each-watched-function.json` the alarm on the errors of functions that nobody waits for,
`each-scheduled-function.json` that a schedule's next period is the retry, `cloudwatch-dashboard.json` the dashboard,
`gateway-answers.json` API Gateway's answers to requests that do not reach the product,
`policies.json` the rights of every function, `each-provider-caller.json` the VPC of those that call providers. The
project is laid out in a temporary folder, so that nothing is written into the checkout; Chalice runs in a separate
process, because an imported `app` keeps the names of its stage.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

from chalicelib import names
from chalicelib.web.pages.gateway import gateway_page

from . import alarms, throttles

ROOT = Path(__file__).resolve().parent.parent
RUNTIME_PYTHON = "3.13"
QUEUES: tuple[names.QueueKind, ...] = get_args(names.QueueKind)
_API_HANDLER = "api_handler"
_CALL_PROVIDERS = "call_providers"
"""The grant of functions that call providers."""
_SHIPPED = frozenset({".py", ".html", ".css", ".js", ".svg", ".json"})
_LEFT_OUT = frozenset({"relais.toml", "relais.example.toml"})


@contextmanager
def exclusive_lock(lock: Path) -> Iterator[None]:
    """Excludes every other process of this machine that takes the same lock file, which is created if missing."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as locked:
        fcntl.flock(locked, fcntl.LOCK_EX)
        yield


class TemplateError(Exception):
    """Chalice could not build the template; the message contains its output."""


def check_stage(stage: str) -> None:
    """Raises TemplateError unless `stage` may be a part of the names of AWS resources."""
    if re.fullmatch("[a-z0-9-]{1,20}", stage) is None:
        raise TemplateError(f"no stage can be called {stage!r}: a stage has 1 to 20 characters of a-z, 0-9 and -")


def functions(root: Path = ROOT) -> tuple[str, ...]:
    """Returns the functions of `.chalice/config.json`, by their names in `app.py`; `api_handler` is the HTTP one."""
    return tuple(_read_json(root / ".chalice" / "config.json")["lambda_functions"])


def resource_name(function: str) -> str:
    """Returns the name of a function's resource in the template, as Chalice forms it."""
    if function == _API_HANDLER:
        return "APIHandler"
    return "".join(part.capitalize() for part in function.split("_"))


def build(stage: str, root: Path = ROOT) -> dict[str, Any]:
    """Returns the template of `stage`, without the zip that it deploys. Takes about a second, or nothing if cached.

    It knows no configuration, so no form has throttles of its own. Cached under `.local/` by the content of its
    sources. Raises TemplateError.
    """
    check_stage(stage)
    cached = root / ".local" / "template" / f"{stage}-{_fingerprint(root)}.json"
    if not cached.is_file():
        with exclusive_lock(cached.with_name(f"{stage}.lock")):
            if not cached.is_file():
                _make(stage, cached, root)
    return _read_json(cached)


def variables(stage: str, root: Path = ROOT) -> dict[str, str]:
    """Returns the environment variables that every function of `stage` has. Raises TemplateError."""
    resources = build(stage, root)["Resources"].values()
    every = [each["Properties"] for each in resources if each["Type"] == "AWS::Serverless::Function"]
    first, *others = (function.get("Environment", {}).get("Variables", {}) for function in every)
    return {
        name: value
        for name, value in first.items()
        if isinstance(value, str) and all(other.get(name) == value for other in others)
    }


def _make(stage: str, cached: Path, root: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="relais-template-") as folder:
        project = Path(folder)
        lay_out(project, stage, root)
        _store(run_chalice(project, stage), cached)
    _remove_older(cached, stage)


def lay_out(project: Path, stage: str, root: Path = ROOT, architecture: str | None = None) -> list[Path]:
    """Copies into `project` what Chalice needs to package `stage`; returns the files of chalicelib that were left out.

    `architecture` is the processor of the functions, that of `.chalice/config.json` by default.
    """
    shutil.copy(root / "app.py", project / "app.py")
    (project / "requirements.txt").write_text("")
    left_out = []
    for source in _product_files(root):
        if source.suffix not in _SHIPPED:
            left_out.append(source)
            continue
        target = project / source.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
    settings = project / ".chalice"
    settings.mkdir()
    _write_json(settings / "config.json", _chalice_settings(stage, root, architecture))
    for function in functions(root):
        _write_json(settings / f"policy-{function}.json", policy(function, stage, root))
    _write_json(settings / "resources.json", additions(stage, root))
    return left_out


def run_chalice(project: Path, stage: str, forms: Iterable[str] = ()) -> dict[str, Any]:
    """Runs `chalice package` in `project`; leaves `out/` there and returns its template, with throttles, forms' too.

    Raises TemplateError.
    """
    command = [sys.executable, "-c", "import sys; from chalice.cli import main; sys.exit(main())"]
    command += ["package", f"--stage={stage}"]
    command += ["--merge-template", ".chalice/resources.json", "out"]
    environ = {name: value for name, value in os.environ.items() if name not in ("AWS_PROFILE", "PYTHONPATH")}
    environ.setdefault("AWS_DEFAULT_REGION", "eu-west-3")
    environ["PYTHONDONTWRITEBYTECODE"] = "1"
    done = subprocess.run(command, cwd=project, env=environ, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise TemplateError(f"chalice package --stage {stage} failed:\n{done.stdout}{done.stderr}".rstrip())
    made = project / "out" / "sam.json"
    body = _read_json(made)
    throttles.apply(body, forms)
    _write_json(made, body)
    return body


def additions(stage: str, root: Path = ROOT) -> dict[str, Any]:
    """Returns what is merged into the template that Chalice generates."""
    merged = _filled(root, "resources.json", {"stage": stage})
    for function in functions(root):
        _merge(merged, _filled(root, "each-function.json", _names_of(function, stage)))
        if _CALL_PROVIDERS in _filled(root, "policies.json", {})["functions"][function]:
            _merge(merged, _filled(root, "each-provider-caller.json", _names_of(function, stage)))
    # The API's URL would be a circle for the function that the API is made of.
    handler = merged["Resources"][resource_name(_API_HANDLER)]["Properties"]
    handler["Environment"]["Variables"]["RELAIS_API_URL"] = names.FROM_REQUEST
    for some in ("each-watched-function.json", "each-scheduled-function.json"):
        for function in _read_json(root / ".chalice" / some)["functions"]:
            _merge(merged, {"Resources": _filled(root, some, _names_of(function, stage))["Resources"]})
    for queue in QUEUES:
        values = {"stage": stage, "queue": queue, "Queue": resource_name(queue)}
        _merge(merged, _filled(root, "each-queue.json", values))
        merged["Resources"][f"{values['Queue']}Queue"]["Properties"]["VisibilityTimeout"] = 6 * _timeout(queue, root)
    for alarm, measured in _filled(root, "metric-alarms.json", {}).items():
        merged["Resources"][f"{alarm}Alarm"] = alarms.metric_alarm(stage, **measured)
    answers = {kind: _gateway_answer(**answer) for kind, answer in _filled(root, "gateway-answers.json", {}).items()}
    alarms.complete(merged["Resources"])
    shown = _filled(root, "cloudwatch-dashboard.json", {"stage": stage})
    merged["Resources"]["Dashboard"] = alarms.dashboard(stage, shown, merged["Resources"])
    merged["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["x-amazon-apigateway-gateway-responses"] = answers
    return merged


def policy(function: str, stage: str, root: Path = ROOT) -> dict[str, Any]:
    """Returns the rights of one function, composed from `policies.json`."""
    rules = _filled(root, "policies.json", _names_of(function, stage))
    statements = list(rules["every_function"])
    for grant in rules["functions"][function]:
        statements += rules["grants"][grant]
    return {"Version": "2012-10-17", "Statement": statements}


def _chalice_settings(stage: str, root: Path, architecture: str | None) -> dict[str, Any]:
    """Returns `.chalice/config.json` with `stage`, which need not be there: it only needs the variable of its name."""
    settings = _read_json(root / ".chalice" / "config.json")
    if architecture is not None:
        settings["lambda_architecture"] = architecture
    own = settings.setdefault("stages", {}).setdefault(stage, {})
    own["environment_variables"] = {**own.get("environment_variables", {}), "RELAIS_STAGE": stage}
    return settings


def _timeout(function: str, root: Path) -> int:
    """Returns a function's timeout in seconds. AWS recommends a visibility timeout of six times that."""
    return int(_read_json(root / ".chalice" / "config.json")["lambda_functions"][function]["lambda_timeout"])


def _gateway_answer(
    status: int, title: str, detail: str, retry_after: int | None = None, allow: str | None = None
) -> dict[str, Any]:
    """Returns an answer of API Gateway's own in the product's formats: a problem (RFC 9457), and a page for browsers.

    API Gateway takes the template whose type the request's Accept names. A header Content-Type would stand above all
    templates, so there is none; `application/json` is what API Gateway falls back to.
    """
    headers = {"x-request-id": "context.requestId"}
    if retry_after is not None:
        headers["Retry-After"] = f"'{retry_after}'"
    if allow is not None:
        headers["Allow"] = f"'{allow}'"
    problem = json.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail})
    page = gateway_page(status, detail)
    return {
        "statusCode": str(status),
        "responseParameters": {f"gatewayresponse.header.{name}": value for name, value in headers.items()},
        "responseTemplates": {"application/problem+json": problem, "application/json": problem, "text/html": page},
    }


def _names_of(function: str, stage: str) -> dict[str, str]:
    runtime = f"python{RUNTIME_PYTHON}"
    return {"stage": stage, "function": function, "Function": resource_name(function), "runtime": runtime}


def _filled(root: Path, name: str, values: dict[str, str]) -> dict[str, Any]:
    text = (root / ".chalice" / name).read_text()
    for key, value in values.items():
        text = text.replace("{" + key + "}", value)
    result: dict[str, Any] = json.loads(text)
    return result


def _merge(target: dict[str, Any], more: dict[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(target.get(key), dict):
            _merge(target[key], value)
        else:
            target[key] = value


def _product_files(root: Path) -> Iterator[Path]:
    for path in sorted((root / "chalicelib").rglob("*")):
        if path.is_file() and path.name not in _LEFT_OUT and "__pycache__" not in path.parts:
            yield path


def _fingerprint(root: Path) -> str:
    digest = hashlib.sha256()
    own = (Path(__file__), Path(alarms.__file__), Path(throttles.__file__))
    sources = [root / "app.py", *own, *sorted((root / ".chalice").glob("*.json")), *_product_files(root)]
    for source in sources:
        digest.update(f"{source.name}\0{source.stat().st_size}\0".encode())
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def _store(template: dict[str, Any], cached: Path) -> None:
    """Writes in one step, since others may read meanwhile."""
    half_written = cached.with_suffix(f".{os.getpid()}")
    _write_json(half_written, template)
    half_written.replace(cached)


def _remove_older(cached: Path, stage: str) -> None:
    for other in cached.parent.glob(f"{stage}-*.json"):
        if other != cached and other.stem.rpartition("-")[0] == stage:
            other.unlink(missing_ok=True)


def _read_json(path: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(path.read_text())
    return result


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n")
