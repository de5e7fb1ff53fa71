"""docs/form-recipes.md: what each form sends (`events/`), by the section that its recipe gives, to the list."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from local.sandbox import sample_config
from tests.e2e.test_readme import shell
from tests.e2e.world import Ediware
from tests.support.documents import Documented
from tests.support.required_tools import need
from tests.support.stack import ROOT, Response, RunningStack, SharedStack

GUIDE = (ROOT / "docs" / "form-recipes.md").read_text(encoding="utf-8")
SAMPLES = {
    path.stem.partition("-")[2]: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "events").glob("http_form_signup-*.json"))
}
TASTES = "pain,vin"
EXPECTED = {  # what of a sample reaches the fields prenom and societe, and the answer
    "contact-form-7": ("Zoé", TASTES, 202),
    "elementor": ("Zoé", "pain, vin", 200),
    "elementor-labels": ("Zoé", "pain, vin", 200),
    "form-fields": ("Zoé", "", 200),
    "html": ("Zoé", TASTES, 200),
    "tally": ("Zoé", TASTES, 202),
    "typeform": ("Zoé", TASTES, 202),
    "webflow": ("Zoé", "Amis", 202),
    "webflow-page": ("Zoé", "Amis", 200),
}


def blocks(text: str, language: str) -> list[str]:
    """The code blocks of a language, also indented ones in lists."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE)
    return [re.sub(rf"^{indent}", "", code, flags=re.MULTILINE) for indent, code in found]


def send(stack: RunningStack, name: str, **changed: str) -> Response:
    """Post what a sample's form sends, with an address of the recipe's own."""
    sample = SAMPLES[name]
    body = re.sub(r"zoe(@|%40)example", rf"{name}\1example", sample["body"])
    headers = {header: value for header, value in sample["headers"].items() if not header.startswith(("Host", "X-"))}
    return stack.request(sample["httpMethod"], sample["path"], body, headers | changed)


def sent_data(sample: dict[str, Any]) -> Any:
    """What a sample's body says: the value of its JSON, or its names and texts."""
    if sample["headers"]["Content-Type"].startswith("application/json"):
        return json.loads(sample["body"])
    return dict(parse_qsl(sample["body"], keep_blank_values=True))


def holds(data: Any, part: Any) -> bool:
    """True if the part is in the data: all members of its objects, all elements of its lists in their order."""
    if isinstance(part, dict) and isinstance(data, dict):
        return all(name in data and holds(data[name], value) for name, value in part.items())
    if isinstance(part, list) and isinstance(data, list):
        rest = iter(data)
        return all(any(holds(one, value) for one in rest) for value in part)
    return bool(data == part)


def held_somewhere(data: Any, part: Any) -> bool:
    """True if the part is in the data, or in something that is inside it."""
    inner = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    return holds(data, part) or any(held_somewhere(one, part) for one in inner)


def test_each_recipe_has_a_sample_which_is_what_it_shows() -> None:
    assert SAMPLES.keys() == EXPECTED.keys()
    assert set(re.findall(r"^\[forms\.([\w-]+)\]$", "".join(blocks(GUIDE, "toml")), re.MULTILINE)) == SAMPLES.keys()
    shown = re.findall(r"http_form_signup-([\w-]+)\.json\)\)[^`]*```(json|text)\n(.*?)```", GUIDE, re.DOTALL)
    assert {name for name, _, _ in shown} == {"contact-form-7", "elementor", "webflow", "typeform", "tally"}
    for name, language, text in shown:
        part = json.loads(text) if language == "json" else dict(line.split("=", 1) for line in text.splitlines())
        assert held_somewhere(sent_data(SAMPLES[name]), part), name
    for name, sample in SAMPLES.items():
        assert sample["path"] == f"/forms/{name}/signup"
        assert f"events/http_form_signup-{name}.json" in GUIDE
        assert set(re.findall(r"[\w.]+@[\w.]+|[\w.]+%40[\w.]+", sample["body"])) <= {
            "zoe@example.com",
            "zoe%40example.com",
        }
    [page] = blocks(GUIDE, "html")
    assert set(re.findall(r'<input [^>]*name="([^"]+)"', page)) == sent_data(SAMPLES["html"]).keys()


def test_each_recipes_sample_reaches_the_list(shared_stack: SharedStack, documented: Documented) -> None:
    stack = shared_stack.reset("\n".join([sample_config(shared_stack.sandbox), *blocks(GUIDE, "toml")]))
    answers = {name: send(stack, name) for name in SAMPLES}
    assert {name: answer.status for name, answer in answers.items()} == {
        name: status for name, (_, _, status) in EXPECTED.items()
    }
    assert send(stack, "elementor", Accept="*/*").status == 202  # which the plug-in takes for an error

    again = SAMPLES["typeform"]["body"].replace("01HQ0000", "01HQ1111").replace("zoe@", "typeform@")
    repeated = stack.request("POST", "/forms/typeform/signup", again, {"Content-Type": "application/json"})
    assert repeated.json == answers["typeform"].json
    command = documented.command("python3 -m local invoke api_handler --event events/http_form_signup-typeform.json")
    assert json.loads(shell(command, stack.port))["statusCode"] == 202

    def rows() -> dict[str, tuple[str, str]] | None:
        found = Ediware(stack.sandbox).account()["lists"]["4781"]["rows"]
        by_address = {row["email"]: (row["prenom"], row["societe"]) for row in found}
        wanted = {"zoe@example.com", *(f"{name}@example.com" for name in SAMPLES)}
        return by_address if wanted <= by_address.keys() else None

    found = stack.until(rows)
    assert found is not None
    for name, (prenom, societe, _) in EXPECTED.items():
        assert found[f"{name}@example.com"] == (prenom, societe), name
    assert found["zoe@example.com"] == EXPECTED["typeform"][:2]
    assert Ediware(stack.sandbox).emails()["typeform@example.com"] == 1
    shared_stack.idle()


@pytest.mark.server
def test_the_addition_for_wordpress_asks_for_html_where_the_webhook_is_relais(tmp_path: Path) -> None:
    php, [addition] = need("php", "the recipe for Elementor"), blocks(GUIDE, "php")
    script = tmp_path / "functions.php"
    script.write_text(
        "<?php\nfunction add_filter( $name, $function, $priority, $arguments ) { $GLOBALS[$name] = $function; }\n"
        "class Record { function get_form_settings( $key ) { return $GLOBALS['argv'][$key === 'webhooks']; } }\n"
        f"{addition}\n"
        "echo json_encode( $GLOBALS['elementor_pro/forms/webhooks/request_args']( [ 'body' => [] ], new Record ) );\n",
        encoding="utf-8",
    )

    def arguments(url: str) -> Any:
        done = subprocess.run([php, str(script), url], capture_output=True, check=True, timeout=20)
        return json.loads(done.stdout)

    assert arguments("https://relais.example.com/forms/elementor/signup")["headers"] == {"Accept": "text/html"}
    assert "headers" not in arguments("https://hooks.example.com/elsewhere")
