from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import boto3
import pytest

from local import template

from .conftest import Generated


def complaints(body: dict[str, Any]) -> list[str]:
    """What cfn-lint says of a template."""
    from cfnlint.api import lint  # takes seconds to import

    return [f"{match.rule.id} {match.message}" for match in lint(json.dumps(body), regions=["eu-west-3"])]


def test_cfn_lint_finds_nothing(made: Generated) -> None:
    assert complaints(made.body) == []


def test_cfn_lint_would_find_a_fragment_whose_function_is_gone() -> None:
    body = template.build("prod")
    body["Resources"]["Renamed"] = {"Properties": {"FunctionName": "relais-local-renamed"}}
    assert any("'Type' is a required property" in complaint for complaint in complaints(body))


def test_sam_translates_it_and_keeps_the_flag_that_saves_messages(made: Generated) -> None:
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    body = copy.deepcopy(made.body)
    for name in made.functions:
        body["Resources"][name]["Properties"]["CodeUri"] = "s3://bucket/key"  # as `aws cloudformation package` does
    session = boto3.Session(region_name="eu-west-3")
    plain = Translator({}, Parser(), boto_session=session).translate(body, {})["Resources"]
    mappings = [each["Properties"] for each in plain.values() if each["Type"] == "AWS::Lambda::EventSourceMapping"]
    assert len(mappings) == 3
    assert all(mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"] for mapping in mappings)
    stages = [each["Properties"]["StageName"] for each in plain.values() if each["Type"] == "AWS::ApiGateway::Stage"]
    assert stages == ["api"]


def test_the_gateway_writes_down_no_path(made: Generated) -> None:
    """Paths hold unsubscribe tokens: an access log, an execution log or a trace of the gateway's would keep them."""
    api = made["RestAPI"]
    assert not {"AccessLogSetting", "MethodSettings", "TracingEnabled", "CanarySetting"} & api.keys()
    assert "AccessLogSetting" not in made.body.get("Globals", {}).get("Api", {})
    assert not made.of_type("AWS::ApiGateway::Stage") and not made.of_type("AWS::ApiGateway::Account")


def test_an_unknown_stage_is_refused() -> None:
    with pytest.raises(template.TemplateError, match=r"no stage 'production'.*local, dev, prod"):
        template.build("production")


def test_it_is_made_anew_only_when_something_changed(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = template.build("local", checkout)
    with monkeypatch.context() as patched:
        patched.setattr(template, "run_chalice", lambda *_: pytest.fail("made again for nothing"))
        assert template.build("local", checkout) == first
    config = checkout / ".chalice" / "config.json"
    config.write_text(config.read_text().replace('"lambda_timeout": 55', '"lambda_timeout": 44'))
    assert template.build("local", checkout)["Resources"]["Sweep"]["Properties"]["Timeout"] == 44
    assert len(list((checkout / ".local" / "template").iterdir())) == 1


def test_what_chalice_says_is_passed_on(checkout: Path) -> None:
    (checkout / "app.py").write_text("import nothing_of_this_name\n")
    with pytest.raises(template.TemplateError, match="nothing_of_this_name"):
        template.build("local", checkout)
    assert not any((checkout / ".local" / "template").iterdir())
