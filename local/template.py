"""The SAM template of a stage, made by Chalice from `app.py` and `.chalice/`.

Chalice knows handlers, routes and triggers. `.chalice/` adds what it does not: `resources.json` tables and parameters,
`metric-alarms.json` alarms on what the product measures, `each-function.json` and `each-queue.json` what every function
and every queue has, `gateway-answers.json` what API Gateway says when a request does not reach the product,
`policies.json` the rights of every function. Here they are put together in a folder of their own, so that nothing is
written into the checkout; Chalice runs in a process of its own, because an `app` once imported keeps the names of its
stage.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from chalicelib import names

from .one_at_a_time import one_at_a_time

ROOT = Path(__file__).resolve().parent.parent
RUNTIME_PYTHON = "3.13"
QUEUES: tuple[names.QueueKind, ...] = get_args(names.QueueKind)
_API_HANDLER = "api_handler"
_SHIPPED = frozenset({".py", ".html", ".css", ".js", ".svg", ".json"})
_LEFT_OUT = frozenset({"relais.toml", "relais.example.toml"})


class TemplateError(Exception):
    """Chalice could not make the template; the message holds what it said."""


def check_stage(stage: str, root: Path = ROOT) -> None:
    """Raise TemplateError unless `.chalice/config.json` knows `stage`."""
    known = _read_json(root / ".chalice" / "config.json")["stages"]
    if stage not in known:
        raise TemplateError(f"no stage {stage!r} in .chalice/config.json; it has {', '.join(known)}")


def functions(root: Path = ROOT) -> tuple[str, ...]:
    """The functions that `.chalice/config.json` knows, by their names in `app.py`; `api_handler` is the HTTP one."""
    return tuple(_read_json(root / ".chalice" / "config.json")["lambda_functions"])


def resource_name(function: str) -> str:
    """The name of a function's resource in the template, as Chalice forms it."""
    if function == _API_HANDLER:
        return "APIHandler"
    return "".join(part.capitalize() for part in function.split("_"))


def build(stage: str, root: Path = ROOT) -> dict[str, Any]:
    """The template of `stage`, without the zip that it deploys: about a second, and nothing when nothing changed.

    Kept under `.local/`, keyed by the content of all that it is made from. Raises TemplateError.
    """
    check_stage(stage, root)
    kept = root / ".local" / "template" / f"{stage}-{_fingerprint(root)}.json"
    if not kept.is_file():
        with one_at_a_time(kept.with_name(f"{stage}.lock")):
            if not kept.is_file():
                _make(stage, kept, root)
    return _read_json(kept)


def _make(stage: str, kept: Path, root: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="relais-template-") as folder:
        project = Path(folder)
        lay_out(project, stage, root)
        _keep(run_chalice(project, stage), kept)
    _forget_older(kept, stage)


def lay_out(project: Path, stage: str, root: Path = ROOT) -> list[Path]:
    """Put into `project` what Chalice needs to package `stage`; returns the files of chalicelib that were left out."""
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
    shutil.copy(root / ".chalice" / "config.json", settings / "config.json")
    for function in functions(root):
        _write_json(settings / f"policy-{function}.json", policy(function, stage, root))
    _write_json(settings / "resources.json", additions(stage, root))
    return left_out


def run_chalice(project: Path, stage: str) -> dict[str, Any]:
    """Run `chalice package` in `project`; leaves `out/` there and returns its template. Raises TemplateError."""
    command = [sys.executable, "-c", "import sys; from chalice.cli import main; sys.exit(main())"]
    command += ["package", "--stage", stage]
    command += ["--merge-template", ".chalice/resources.json", "out"]
    environ = {name: value for name, value in os.environ.items() if name not in ("AWS_PROFILE", "PYTHONPATH")}
    environ.setdefault("AWS_DEFAULT_REGION", "eu-west-3")
    environ["PYTHONDONTWRITEBYTECODE"] = "1"
    done = subprocess.run(command, cwd=project, env=environ, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise TemplateError(f"chalice package --stage {stage} failed:\n{done.stdout}{done.stderr}".rstrip())
    return _read_json(project / "out" / "sam.json")


def additions(stage: str, root: Path = ROOT) -> dict[str, Any]:
    """All that is merged into what Chalice generates."""
    merged = _filled(root, "resources.json", {"stage": stage})
    for function in functions(root):
        _merge(merged, _filled(root, "each-function.json", _names_of(function, stage)))
    for queue in QUEUES:
        values = {"stage": stage, "queue": queue, "Queue": resource_name(queue)}
        _merge(merged, _filled(root, "each-queue.json", values))
        merged["Resources"][f"{values['Queue']}Queue"]["Properties"]["VisibilityTimeout"] = 6 * _timeout(queue, root)
    for alarm, measured in _filled(root, "metric-alarms.json", {}).items():
        merged["Resources"][f"{alarm}Alarm"] = _metric_alarm(stage, **measured)
    answers = {kind: _gateway_answer(**answer) for kind, answer in _filled(root, "gateway-answers.json", {}).items()}
    merged["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["x-amazon-apigateway-gateway-responses"] = answers
    return merged


def policy(function: str, stage: str, root: Path = ROOT) -> dict[str, Any]:
    """The rights of one function, composed from `policies.json`."""
    rules = _filled(root, "policies.json", _names_of(function, stage))
    statements = list(rules["every_function"])
    for grant in rules["functions"][function]:
        statements += rules["grants"][grant]
    return {"Version": "2012-10-17", "Statement": statements}


def _timeout(function: str, root: Path) -> int:
    """Seconds that a function may take. AWS advises that its queue hides a message for six times as long."""
    return int(_read_json(root / ".chalice" / "config.json")["lambda_functions"][function]["lambda_timeout"])


def _metric_alarm(
    stage: str,
    name: str,
    description: str,
    metric: str,
    statistic: str,
    threshold: int,
    period: int,
    periods: int,
    missing: str = "notBreaching",
) -> dict[str, Any]:
    """An alarm on one of the product's own metrics, as `.chalice/metric-alarms.json` describes it.

    It watches what is added up for the stage, of all accounts; `period` in seconds.
    """
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmName": f"relais-{stage}-{name}",
            "AlarmDescription": description,
            "Namespace": names.METRICS,
            "MetricName": metric,
            "Dimensions": [{"Name": "stage", "Value": stage}],
            "Statistic": statistic,
            "Period": period,
            "EvaluationPeriods": periods,
            "Threshold": threshold,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "TreatMissingData": missing,
            "AlarmActions": {"Fn::If": ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]},
        },
    }


def _gateway_answer(status: int, title: str, detail: str, retry_after: int | None = None) -> dict[str, Any]:
    """An answer of API Gateway's own in the shape that the product's failures have (RFC 9457)."""
    headers = {"Content-Type": "'application/problem+json'", "x-request-id": "context.requestId"}
    if retry_after is not None:
        headers["Retry-After"] = f"'{retry_after}'"
    problem = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return {
        "statusCode": str(status),
        "responseParameters": {f"gatewayresponse.header.{name}": value for name, value in headers.items()},
        "responseTemplates": {"application/json": json.dumps(problem)},
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
    sources = [root / "app.py", Path(__file__), *sorted((root / ".chalice").glob("*.json")), *_product_files(root)]
    for source in sources:
        digest.update(f"{source.name}\0{source.stat().st_size}\0".encode())
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def _keep(template: dict[str, Any], kept: Path) -> None:
    """Write in one step: others may read meanwhile."""
    half_written = kept.with_suffix(f".{os.getpid()}")
    _write_json(half_written, template)
    half_written.replace(kept)


def _forget_older(kept: Path, stage: str) -> None:
    for other in kept.parent.glob(f"{stage}-*.json"):
        if other != kept:
            other.unlink(missing_ok=True)


def _read_json(path: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(path.read_text())
    return result


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n")
