"""The mutants of one row for one person: signups that go together, and repeats that are the same event."""

from __future__ import annotations

from tests.mutants.running import Mutant

ROWS = "tests/delivery/test_rows.py"

ONE_ROW = (
    Mutant(
        "row-mixes-rights",
        promise=3,
        breaks="signups that may lift a suppression go in one row with those that may not",
        file="chalicelib/delivery/batching.py",
        before="event.list, event.may_lift_suppression, task",
        after="event.list, task",
        tests=(ROWS,),
    ),
    Mutant(
        "row-with-older-fields",
        promise=3,
        breaks="in a row of several signups the earliest value of a field counts",
        file="chalicelib/delivery/provider_calls.py",
        before="for event in events for name, value in event.fields.items()}",
        after="for event in reversed(events) for name, value in event.fields.items()}",
        tests=(ROWS,),
    ),
    Mutant(
        "refused-row-not-taken-apart",
        promise=3,
        breaks="a signup is refused for the field of another in its row",
        file="chalicelib/delivery/claimed.py",
        before="    middle = (len(row) + 1) // 2\n",
        after="    return None\n    middle = (len(row) + 1) // 2\n",
        tests=(ROWS,),
    ),
    Mutant(
        "row-takes-no-notice-of-an-unsubscribe-between",
        promise=3,
        breaks="a signup before an unsubscribe goes in one row with one after it",
        file="chalicelib/delivery/claims.py",
        before="decision(replace(attempt, event=task.event), result.state)",
        after="decision(attempt, result.state)",
        tests=(ROWS,),
    ),
    Mutant(
        "lease-names-one-of-a-row",
        promise=2,
        breaks="of a row whose worker died one signup alone is marked unknown_outcome",
        file="chalicelib/ledger/subscription_items.py",
        before='        "lease_others": dict(lease.others) or None,\n',
        after='        "lease_others": None,\n',
        tests=(ROWS,),
    ),
    Mutant(
        "lease-of-a-row-ends-with-its-first",
        promise=2,
        breaks="the lease of a row is released while signups of it are still tried",
        file="chalicelib/delivery/claimed.py",
        before="            if self._going or not self._held:\n",
        after="            if not self._held:\n",
        tests=(ROWS, "tests/delivery/test_interleavings.py"),
    ),
    Mutant(
        "one-address-stops-its-list",
        promise=1,
        breaks="a flood of one refused address pauses its list",
        file="chalicelib/delivery/bisection.py",
        before="len({self._person_of(row) for row, _ in self.rejected})",
        after="len(self.rejected)",
        tests=(ROWS,),
    ),
)

REPEATS = (
    Mutant(
        "double-click-is-two-events",
        promise=2,
        breaks="a form signup that is sent twice is two events",
        file="chalicelib/ingestion/repeats.py",
        before="epoch_milliseconds(submitted.accepted_at) // 1000 // WINDOW_SECONDS",
        after="epoch_milliseconds(submitted.accepted_at)",
        tests=("tests/ingestion/test_repeats.py",),
    ),
    Mutant(
        "signup-after-unsubscribe-is-a-repeat",
        promise=3,
        breaks="who signs up, leaves and signs up again within ten minutes ends out",
        file="chalicelib/ingestion/repeats.py",
        before="unsubscribed_at is not None and unsubscribed_at >= known_since",
        after="unsubscribed_at is None",
        tests=("tests/ingestion/test_repeats.py",),
    ),
    Mutant(
        "unsubscribe-not-recorded-at-the-door",
        promise=3,
        breaks="a signup after an unsubscribe is taken for a repeat of the one before",
        file="chalicelib/ledger/events.py",
        before="        if event.type is EventType.UNSUBSCRIBE and event.refused is None:\n            self.recent",
        after="        if False:\n            self.recent",
        tests=("tests/ingestion/test_repeats.py",),
    ),
    Mutant(
        "trap-uses-up-a-signup",
        promise=1,
        breaks="a person's signup is taken for the repeat of a robot's",
        file="chalicelib/ingestion/repeats.py",
        before='content_of(submitted) + (submitted.refused or "").encode()',
        after="content_of(submitted)",
        tests=("tests/ingestion/test_repeats.py",),
    ),
)
