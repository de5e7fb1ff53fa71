from __future__ import annotations

import copy
import hashlib
import json
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from local import template, throttles
from tests.support.emulator import OWN_FORMS, transformed

from .conftest import Generated


def complaints(body: dict[str, Any]) -> list[str]:
    """Findings of cfn-lint in a template, errors, warnings and hints; a number as text is an error."""
    from cfnlint.api import lint  # takes seconds to import

    rules: Any = {"regions": ["eu-west-3"], "include_checks": ["I"], "configure_rules": {"E3012": {"strict": True}}}
    return [f"{match.rule.id} {match.message}" for match in lint(json.dumps(body), config=rules)]


@pytest.mark.seconds
@pytest.mark.parametrize("form", [pytest.param("SAM", marks=pytest.mark.slow), "translated"])
def test_cfn_lint_finds_nothing(made: Generated, pytestconfig: pytest.Config, form: str) -> None:
    """Remembered for the same template and linter, which take seconds. Circles show in the translation only."""
    with_forms = copy.deepcopy(made.body)
    throttles.apply(with_forms, OWN_FORMS)
    body = with_forms if form == "SAM" else transformed(with_forms)
    linted = hashlib.sha256(f"strict {version('cfn-lint')} {json.dumps(body)}".encode()).hexdigest()
    place = f"relais/linted-{made.stage}-{form}"
    assert pytestconfig.cache is not None
    if pytestconfig.cache.get(place, None) != linted:
        assert complaints(body) == []
        pytestconfig.cache.set(place, linted)


@pytest.mark.slow
def test_cfn_lint_detects_a_fragment_of_a_missing_function_and_what_is_only_almost_right() -> None:
    resources = {
        "Renamed": {"Properties": {"FunctionName": "relais-local-renamed"}},
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"MessageRetentionPeriod": "1209600"}},
    }
    found = complaints({"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources})
    for complaint in ("E3001 'Type' is a required", "E3012", "I3011 'DeletionPolicy' is a required"):
        assert any(one.startswith(complaint) for one in found), found


@pytest.mark.server
def test_stages_differ_only_by_name() -> None:
    local, prod = (json.dumps(template.build(stage)) for stage in ("local", "prod"))
    assert local != prod
    assert re.sub(r"\bprod\b", "local", prod) == local


@pytest.mark.seconds
def test_the_template_is_within_the_cloudformation_size_limit(made: Generated) -> None:
    """Up to 1 MB, by way of a bucket. `aws cloudformation package` writes YAML, which is smaller."""
    assert len(json.dumps(made.body, indent=2)) < 700_000
    body = copy.deepcopy(made.body)
    throttles.apply(body, ["a" * 60 + str(number) for number in range(2 * throttles.MOST_FORMS)])
    assert len(yaml.dump(json.loads(json.dumps(body)), default_flow_style=False)) < 800_000


def test_sam_translates_it_and_keeps_partial_batch_responses(translated: dict[str, Any]) -> None:
    plain = translated["Resources"]
    mappings = [each["Properties"] for each in plain.values() if each["Type"] == "AWS::Lambda::EventSourceMapping"]
    assert len(mappings) == 3
    assert all(mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"] for mapping in mappings)
    stages = [each["Properties"]["StageName"] for each in plain.values() if each["Type"] == "AWS::ApiGateway::Stage"]
    assert stages == ["api"]


def test_the_gateway_logs_no_path(made: Generated) -> None:
    """Paths contain unsubscribe tokens: access logs, execution logs or traces of the gateway would store them."""
    api = made["RestAPI"]
    assert not {"AccessLogSetting", "TracingEnabled", "CanarySetting"} & api.keys()
    logs = {"LoggingLevel", "DataTraceEnabled", "MetricsEnabled"}
    assert not any(logs & setting.keys() for setting in api["MethodSettings"])
    assert "AccessLogSetting" not in made.body.get("Globals", {}).get("Api", {})
    assert not made.of_type("AWS::ApiGateway::Stage") and not made.of_type("AWS::ApiGateway::Account")


@pytest.mark.server
def test_any_stage_has_a_template(checkout: Path) -> None:
    config = checkout / ".chalice" / "config.json"
    stages = '"stages": {"shop-2": {"environment_variables": {"PARIS_KEY": "k"}}}, "lambda_functions"'
    config.write_text(config.read_text().replace('"lambda_functions"', stages))
    assert template.variables("shop-2", checkout) == {"RELAIS_STAGE": "shop-2", "PARIS_KEY": "k"}
    with pytest.raises(template.TemplateError, match="no stage can be called 'shop 2'"):
        template.build("shop 2", checkout)


@pytest.mark.seconds
def test_the_template_is_generated_only_after_a_change(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    timeouts: list[str] = []

    def chalice(project: Path, stage: str) -> dict[str, Any]:
        config = json.loads((project / ".chalice" / "config.json").read_text())
        timeouts.append(config["lambda_functions"]["sweep"]["lambda_timeout"])
        return {"stage": stage, "timeout": timeouts[-1]}

    monkeypatch.setattr(template, "run_chalice", chalice)
    first = template.build("local", checkout)
    assert template.build("local", checkout) == first == {"stage": "local", "timeout": 55}
    config = checkout / ".chalice" / "config.json"
    config.write_text(config.read_text().replace('"lambda_timeout": 55', '"lambda_timeout": 44'))
    assert template.build("local", checkout) == {"stage": "local", "timeout": 44}
    assert timeouts == [55, 44]
    assert len(list((checkout / ".local" / "template").glob("*.json"))) == 1


@pytest.mark.server
def test_chalice_output_is_passed_on(checkout: Path) -> None:
    (checkout / "app.py").write_text("import nothing_of_this_name\n")
    with pytest.raises(template.TemplateError, match="nothing_of_this_name"):
        template.build("local", checkout)
    assert not any((checkout / ".local" / "template").glob("*.json"))
