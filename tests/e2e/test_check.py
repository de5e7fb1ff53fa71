"""A wrong key through the running stack: `check` says it, and after it is corrected `resume` delivers what waited."""

from __future__ import annotations

from urllib.parse import urlencode

from local.sandbox import Control, sample_config
from local.sandbox.ediware.samples import API_KEY
from tests.e2e.world import FORM, Ediware
from tests.support.stack import SharedStack
from tests.support.waiting import wait_for


def test_a_wrong_key_is_said_and_once_mended_everything_goes_at_once(shared_stack: SharedStack) -> None:
    stack = shared_stack.reset(sample_config(shared_stack.sandbox))
    control, ediware = Control(stack.sandbox), Ediware(stack.sandbox)
    control.set("ediware", api_key="another-key-of-the-account")
    body = urlencode({"email": "ana@example.com", "prenom": "Ana"})
    assert stack.request("POST", "/forms/footer/signup", body, FORM).status == 202

    def reason() -> str:
        paused = stack.invoke("report")[1]["accounts"]["paris"]["paused"]
        return str(paused["reason"]) if paused else ""

    stack.until(reason)
    assert "Error api_key invalid (either the key is wrong, or the IP address that Relais calls from is not" in reason()
    code, found = stack.invoke("check", {})
    assert (code, found["ok"]) == (0, False)
    assert "the key is wrong" in found["accounts"]["paris"]["problems"][0]["problem"]
    assert found["accounts"]["lettre"]["ok"]
    assert found["accounts"]["brussel"]["ok"]

    control.set("ediware", api_key=API_KEY)
    assert stack.invoke("check", {})[1]["ok"]
    assert stack.invoke("resume", {"account": "paris"}) == (0, {"resumed": True, "enqueued": 1})
    wait_for(lambda: "ana@example.com" in ediware.emails("4781"))
    shared_stack.idle()
