"""docs/dashboard.md names each state as the dashboard does, in each language."""

from __future__ import annotations

import re

from chalicelib.web.pages.dashboard.events_texts import EVENTS
from tests.support.documents import text_of

ROW = re.compile(r"^\| `([a-z]+)` \| (\w+)[^|]* \| (\w[\w ]*) \| (\w+) \|$", re.MULTILINE)


def test_the_states_are_called_as_the_pages_call_them() -> None:
    shown = {state: (en, fr, nl) for state, en, fr, nl in ROW.findall(text_of("docs/dashboard.md"))}
    texts = {name.removeprefix("status_"): text for name, text in EVENTS.items() if name.startswith("status_")}
    assert "quarantined" in shown
    assert shown == {state: (texts[state].en, texts[state].fr, texts[state].nl) for state in shown}
    assert texts.keys() - shown.keys() <= {"discarded"}, "a reason, not a state"
