"""The dashboard over the sample world: a year behind it, then an account in trouble, refusals and a quarantine."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from local import sample_past
from local.sandbox import SAMPLE_ADMIN_KEY, Control, sample_config
from tests.browser.chromium import Browser
from tests.e2e.world import submit
from tests.support.aws import TestAws
from tests.support.stack import RunningStack
from tests.support.waiting import wait_for

UNSUBSCRIBES_PER_HOUR = 2


def config(sandbox_url: str, http: str) -> str:
    """The sample world's configuration, with a form that quarantines the third unsubscribe of an hour."""
    text = sample_config(sandbox_url, public_url=http)
    return text.replace("[forms.footer]\n", f"[forms.footer]\nunsubscribes_per_hour = {UNSUBSCRIBES_PER_HOUR}\n", 1)


def write_past(aws: TestAws, now: datetime) -> None:
    """Write the sample world's year, as `make run` does at its start."""
    sample_past.write_campaigns(now, aws.dynamodb)
    sample_past.write_form_days(now, aws.dynamodb)


def cause_trouble(stack: RunningStack) -> None:
    """Let both accounts refuse people, then `paris` its key, while its form goes on."""
    control = Control(stack.sandbox)
    for number in range(3):
        submit(stack, "signup", {"email": f"here{number}@example.com"})
    for form, provider in (("footer", "ediware"), ("nieuwsbrief", "mymailmarket")):
        control.fault("refuse_rows", provider=provider, contains="stranger")
        for number in range(2):
            submit(stack, "signup", {"email": f"stranger{number}@example.com"}, form)
    wait_for(lambda: len(listed(stack, "refused")) == 4)
    control.fault("refuse_key", provider="ediware")
    for number in range(3):
        submit(stack, "signup", {"email": f"later{number}@example.com"})
    wait_for(lambda: any(one["reason"] for event in listed(stack, "pending") for one in event["deliveries"]))


def fill_quarantine(stack: RunningStack) -> None:
    """Let the form get too many unsubscribes."""
    for number in range(UNSUBSCRIBES_PER_HOUR + 2):
        submit(stack, "unsubscribe", {"email": f"here{number}@example.com"})
    wait_for(lambda: listed(stack, "quarantined"))


def listed(stack: RunningStack, status: str) -> list[dict[str, Any]]:
    """What `GET /events` lists under a status."""
    found: list[dict[str, Any]] = _asked(stack, f"/events?status={status}")["events"]
    return found


def sample_pages(stack: RunningStack) -> dict[str, str]:
    """Paths of the dashboard's pages by name, once there is trouble."""
    [newest] = _asked(stack, "/stats/campaigns?account=paris&limit=1")["campaigns"]
    return {
        "login": "/dashboard/login",
        "overview": "/dashboard",
        "campaigns": "/dashboard/campaigns",
        "none-found": "/dashboard/campaigns?words=nothing",
        "campaign": f"/dashboard/campaigns/{newest['account']}/{newest['campaign']}",
        "events": "/dashboard/events",
        "refused": "/dashboard/events?status=refused",
        "quarantined": "/dashboard/events?status=quarantined",
        "resend": "/dashboard/events/resend?status=refused&account=paris",
        "discard": "/dashboard/events/discard?status=quarantined",
        "pending": f"/dashboard/events/{listed(stack, 'pending')[0]['id']}",
        "event": f"/dashboard/events/{listed(stack, 'refused')[0]['id']}",
        "form": "/dashboard/forms/footer",
        "not-there": "/dashboard/forms/nothing",
    }


def log_in(browser: Browser, http: str) -> None:
    """Log in with the sample world's admin key."""
    browser.open(f"{http}/dashboard/login")
    browser.all("#key")[0].send_keys(SAMPLE_ADMIN_KEY)
    browser.all("main button")[0].click()
    wait_for(lambda: browser.all(".top"))


def _asked(stack: RunningStack, path: str) -> dict[str, Any]:
    answer = stack.request("GET", path, headers={"authorization": f"Bearer {SAMPLE_ADMIN_KEY}"})
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json
    return found
