"""A client that somebody else's generator makes of `/openapi.json` works without a look into the documentation."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.sandbox import SAMPLE_WEBHOOK_SECRET
from tests.e2e.world import ADMIN_KEY, Ediware
from tests.support.stack import MovableStack
from tests.support.waiting import wait_for
from tests.support.webhooks import signed

PACKAGE = "generated_relais_client"


@pytest.fixture
def generated(running: MovableStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Imports modules of a client that is made of the running stack's document; any warning of the generator fails."""
    (tmp_path / "openapi.json").write_bytes(running.request("GET", "/openapi.json").body)
    (tmp_path / "config.yml").write_text("post_hooks: []\n")  # no formatter needs to see it
    program = "from openapi_python_client.cli import app; app()"
    options = ["--path", "openapi.json", "--output-path", PACKAGE, "--meta", "none", "--config", "config.yml"]
    done = subprocess.run(
        [sys.executable, "-c", program, "generate", *options, "--fail-on-warning"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, f"Generating {PACKAGE}")
    monkeypatch.syspath_prepend(tmp_path)
    yield lambda name: import_module(f"{PACKAGE}.{name}")
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


def test_a_generated_client_signs_up_sends_a_signed_batch_and_reads_statistics(
    generated: Any, running: MovableStack, ediware: Ediware
) -> None:
    models = generated("models")
    visitor = generated("client").Client(base_url=running.http)

    for number, made in enumerate((models.FormSubmission, models.UrlencodedForm, models.MultipartForm)):
        form = made.from_dict({"email": f"visitor{number}@example.com", "prenom": "Zoé"})
        accepted = generated("api.forms.form_signup").sync("footer", client=visitor, body=form)
        assert isinstance(accepted, models.Accepted), accepted
    refused = generated("api.forms.form_signup").sync("footer", client=visitor, body=models.FormSubmission())
    assert isinstance(refused, models.Problem), refused
    assert [error.field for error in refused.errors] == ["email"]

    def sign(request: httpx.Request) -> None:
        body, now = request.read().decode(), running.now()
        request.headers.update(signed(body, "batch-1", now, SAMPLE_WEBHOOK_SECRET))

    shop = generated("client").Client(base_url=running.http, httpx_args={"event_hooks": {"request": [sign]}})
    joins = models.SignupByForm("signup", "footer", "lea@example.com")
    leaves = models.Unsubscribe("unsubscribe", "noe@example.com", accounts=["paris"])
    nobody = models.SignupByForm("signup", "gone", "zoe@example.com")
    batch = models.EventBatch([joins, leaves, nobody])
    answer = generated("api.events.receive_events").sync(client=shop, body=batch)
    assert (answer.accepted, [one.index for one in answer.rejected]) == (2, [2])

    owner = generated("client").AuthenticatedClient(base_url=running.http, token=ADMIN_KEY)
    shown = generated("api.events.show_event")
    for event in (accepted.id, *(one.id for one in answer.events)):
        wait_for(lambda event=event: shown.sync(event, client=owner).status is models.DeliveryStatus.DELIVERED)
    assert ediware.emails()["lea@example.com"] == ediware.emails()["visitor2@example.com"] == 1
    assert [row["prenom"] for row in ediware.account()["lists"]["4781"]["rows"] if "visitor" in row["email"]] == [
        "Zoé"
    ] * 3

    running.invoke("collect_stats")
    listed = generated("api.statistics.list_campaigns").sync(client=owner)
    assert listed.campaigns
    first = listed.campaigns[0]
    history = generated("api.statistics.show_campaign").sync(first.account, first.campaign, client=owner)
    assert history.campaign == first
    assert history.snapshots[-1] == first
    days = generated("api.statistics.list_form_days").sync(client=owner)
    assert [(day.form, day.delivered) for day in days.forms] == [("footer", 4)]
