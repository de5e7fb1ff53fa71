"""The mutants: one change of the product each, by the promise of the contract (section 6) that it breaks."""

from __future__ import annotations

from tests.mutants.history import HISTORY
from tests.mutants.nothing_is_lost import NOTHING_IS_LOST
from tests.mutants.one_row import ONE_ROW, REPEATS
from tests.mutants.running import Mutant

INTERLEAVINGS = "tests/delivery/test_interleavings.py"
MANY_SWITCHES = f"{INTERLEAVINGS}::test_many_switches_between_workers_notified_of_the_same_events"

ONCE = (
    Mutant(
        "every-worker-probes",
        promise=2,
        breaks="a paused account is probed by every worker at once",
        file="chalicelib/domain/backoff.py",
        before="    return waiting and (state.probe_until is None or state.probe_until <= now)\n",
        after="    return waiting\n",
        tests=("tests/reconciliation/test_sweep_and_queues.py",),
    ),
    Mutant(
        "second-look-up-skipped",
        promise=2,
        breaks="after taking the lease the state of the delivery is not read again",
        file="chalicelib/delivery/claims.py",
        before="        current = self._current_deliveries([claimed for row in leased for claimed, _ in row])\n",
        after="        current = {claimed.task.event.id: claimed.delivery for row in leased for claimed, _ in row}\n",
        tests=(MANY_SWITCHES,),
    ),
    Mutant(
        "lease-ignored",
        promise=2,
        breaks="a lease is taken while another worker holds it",
        file="chalicelib/domain/ordering.py",
        before="    return LeaseState.BUSY if lease.until > now else LeaseState.LOST\n",
        after="    return LeaseState.DONE\n",
        tests=(MANY_SWITCHES,),
    ),
    Mutant(
        "lease-written-unconditionally",
        promise=2,
        breaks="of two workers that find an address free, both take the lease",
        file="chalicelib/ledger/subscription_items.py",
        before='    conditions = ["attribute_not_exists(lease_token)"]\n',
        after='    conditions = ["(attribute_not_exists(lease_token) OR attribute_exists(lease_token))"]\n',
        tests=(MANY_SWITCHES,),
    ),
    Mutant(
        "lost-attempt-not-marked",
        promise=2,
        breaks="an attempt whose worker died is not marked unknown_outcome",
        file="chalicelib/ledger/subscriptions.py",
        before="            if state.lease is not None and previous is LeaseState.LOST:\n",
        after="            if state.lease is not None and previous is None:\n",
        tests=(f"{INTERLEAVINGS}::test_a_worker_killed_at_any_step",),
    ),
    Mutant(
        "unanswered-call-not-marked",
        promise=2,
        breaks="a call that was not answered is not marked unknown_outcome",
        file="chalicelib/delivery/account_delivery.py",
        before="        for claimed in flat(part):\n"
        "            claimed.tried(unknown=unknown, unanswered=unknown)\n"
        "        self._pause",
        after="        for claimed in flat(part):\n            claimed.tried()\n        self._pause",
        tests=(f"{INTERLEAVINGS}::test_any_single_failing_operation_with_unknown_outcomes",),
    ),
    Mutant(
        "unknown-attempts-not-counted",
        promise=2,
        breaks="a signup of unknown outcome is repeated for a week, a further row each time",
        file="chalicelib/delivery/claimed.py",
        before="            unknown_attempts=self.delivery.unknown_attempts + unanswered,\n",
        after="            unknown_attempts=self.delivery.unknown_attempts,\n",
        tests=("tests/delivery/test_unknown_outcomes.py",),
    ),
    Mutant(
        "no-probe-after-unknown-outcome",
        promise=2,
        breaks="an outage of an hour uses up the attempts of signups",
        file="chalicelib/delivery/account_delivery.py",
        before="        if not (pause.outcome_unknown and self.capabilities.may_double_rows):\n",
        after="        if True:\n",
        tests=("tests/delivery/test_unknown_outcomes.py",),
    ),
    Mutant(
        "refused-rows-not-marked",
        promise=2,
        breaks="rows of a refused batch that are sent again are not marked unknown_outcome",
        file="chalicelib/delivery/account_delivery.py",
        before="        unknown = len(part) > 1 and not self.capabilities.signup_repeat_is_harmless\n",
        after="        unknown = False\n",
        tests=("tests/delivery/test_signups.py",),
    ),
    Mutant(
        "done-is-not-written-again",
        promise=2,
        breaks="a delivery whose final state could not be written at first is made again",
        file="chalicelib/delivery/claims.py",
        before="        for pause in (*write_again_after, None):\n",
        after="        for pause in (None,):\n",
        tests=("tests/delivery/test_model_edges.py",),
    ),
)

THE_LATEST_EVENT_WINS = (
    Mutant(
        "missing-key-ignored",
        promise=3,
        breaks="without the key under which somebody unsubscribed, an old signup brings them back",
        file="chalicelib/delivery/missing_keys.py",
        before="    if findings.missing is None:\n",
        after="    if True:\n",
        tests=("tests/delivery/test_missing_keys.py",),
    ),
    Mutant(
        "use-of-key-not-recorded",
        promise=3,
        breaks="nobody notices that a key is missing that unsubscribes were recorded with",
        file="chalicelib/ledger/subscriptions.py",
        before="        self._before_writing = before_writing\n",
        after="        self._before_writing = lambda: None\n",
        tests=("tests/delivery/test_missing_keys.py",),
    ),
    Mutant(
        "ties-go-to-the-signup",
        promise=3,
        breaks="of the same occurred_at the signup wins",
        file="chalicelib/domain/ordering.py",
        before="    if unsubscribed_at >= at:\n",
        after="    if unsubscribed_at > at:\n",
        tests=(MANY_SWITCHES,),
    ),
    Mutant(
        "signup-ignores-the-state",
        promise=3,
        breaks="a signup is delivered although the person unsubscribed later",
        file="chalicelib/domain/ordering.py",
        before="    unsubscribed_at = state.unsubscribed_at\n",
        after="    unsubscribed_at = None\n",
        tests=(MANY_SWITCHES,),
    ),
    Mutant(
        "unsubscribe-rule-inverted",
        promise=3,
        breaks="an unsubscribe is superseded by an earlier signup, and not by a later one",
        file="chalicelib/domain/ordering.py",
        before="state.signed_up_at is not None and state.signed_up_at > at else Decision.GO",
        after="state.signed_up_at is not None and state.signed_up_at < at else Decision.GO",
        tests=(MANY_SWITCHES,),
    ),
    Mutant(
        "undelivered-signup-supersedes",
        promise=3,
        breaks="an unsubscribe is superseded by a later signup that was refused",
        file="chalicelib/domain/ordering.py",
        before="        if lease.type is EventType.SIGNUP and status_of(event_id) in (Status.DELIVERED, None)\n",
        after="        if lease.type is EventType.SIGNUP\n",
        tests=("tests/domain/test_ordering.py",),
    ),
    Mutant(
        "unsubscribe-not-written-first",
        promise=3,
        breaks="an unsubscribe that must wait for the lease does not stop older signups",
        file="chalicelib/ledger/subscriptions.py",
        before="            if attempt.event.type is EventType.UNSUBSCRIBE and _is_newer(state, attempt.event):\n",
        after="            if attempt.event.type is EventType.UNSUBSCRIBE and state.lease is None:\n",
        tests=(f"{INTERLEAVINGS}::test_a_waiting_unsubscribe_lets_no_older_signup_go_first",),
    ),
    Mutant(
        "all-accounts-not-considered",
        promise=3,
        breaks="an unsubscribe from all accounts does not count for one configured later",
        file="chalicelib/ledger/subscriptions.py",
        before="            merged = merge(base, *elsewhere)\n",
        after="            merged = base\n",
        tests=("tests/delivery/test_model_edges.py", "tests/delivery/test_order.py"),
    ),
    Mutant(
        "suppression-lifted-by-any-door",
        promise=3,
        breaks="a plain form's signup lifts a suppression",
        file="chalicelib/domain/ordering.py",
        before="    return Decision.LIFT_SUPPRESSION if may_lift_suppression else Decision.SUPPRESSED\n",
        after="    return Decision.LIFT_SUPPRESSION\n",
        tests=("tests/delivery/test_resubscription.py",),
    ),
    Mutant(
        "signup-goes-without-the-ledger",
        promise=3,
        breaks="a signup goes although the state of its address cannot be read",
        file="chalicelib/delivery/claims.py",
        before="        known = self._services.subscriptions.read(emails, rows[0][0].account)\n",
        after="        try:\n"
        "            known = self._services.subscriptions.read(emails, rows[0][0].account)\n"
        "        except LedgerUnavailable:\n"
        "            known = {email: {} for email in emails}\n",
        tests=("tests/delivery/test_order.py",),
    ),
)

IN_BULK = (
    Mutant(
        "calls-half-full",
        promise=4,
        breaks="signups of a list go in calls of half the provider's size",
        file="chalicelib/delivery/account_delivery.py",
        before="            size = 1 if group.list is None else self.capabilities.signup_batch\n",
        after="            size = 1 if group.list is None else self.capabilities.signup_batch // 2\n",
        tests=("tests/delivery/test_signups.py", "tests/delivery/test_promised_figures.py"),
    ),
    Mutant(
        "bisection-one-by-one",
        promise=4,
        breaks="a refused batch is sent again row by row",
        file="chalicelib/delivery/bisection.py",
        before="        middle = (len(part) + 1) // 2\n",
        after="        middle = 1\n",
        tests=("tests/delivery/test_promised_figures.py",),
    ),
    Mutant(
        "bad-row-takes-its-neighbours",
        promise=4,
        breaks="of two rows that were refused together both are refused for good",
        file="chalicelib/delivery/bisection.py",
        before="        middle = (len(part) + 1) // 2\n",
        after="        if len(part) == 2:\n            self.rejected += [(row, error) for row in part]\n"
        "            return\n"
        "        middle = (len(part) + 1) // 2\n",
        tests=("tests/delivery/test_promised_figures.py", "tests/delivery/test_signups.py"),
    ),
)

EVERYWHERE = (
    Mutant(
        "propagated-to-the-first-account-only",
        promise=5,
        breaks="an unsubscribe read from a provider is propagated to one of the others",
        file="chalicelib/unsubscribe_sync/propagate.py",
        before="            accounts=decided.decision.accounts,\n",
        after="            accounts=decided.decision.accounts[:1],\n",
        tests=("tests/unsubscribe_sync/test_importer.py",),
    ),
    Mutant(
        "news-per-run-ignored",
        promise=5,
        breaks="a run propagates more than news_per_run",
        file="chalicelib/unsubscribe_sync/importer.py",
        before="        return self._section.news_per_run - self._outcome.written\n",
        after="        return self._section.news_per_run\n",
        tests=("tests/unsubscribe_sync/test_importer.py",),
    ),
    Mutant(
        "rows-done-before-they-are-stored",
        promise=5,
        breaks="rows of a provider's list count as processed although their events were not stored",
        file="chalicelib/unsubscribe_sync/propagate.py",
        before="        store_all(self.services, events)\n",
        after="",
        tests=("tests/unsubscribe_sync/test_importer.py",),
    ),
    Mutant(
        "rest-of-a-truncated-list-forgotten",
        promise=5,
        breaks="the rows that a truncated list lacks count as new in the next reading",
        file="chalicelib/unsubscribe_sync/sync_state.py",
        before="        now = buckets.of(number) if self._whole else",
        after="        now = buckets.of(number) if number >= 0 else",
        tests=("tests/unsubscribe_sync/test_importer.py",),
    ),
)

MUTANTS = (*NOTHING_IS_LOST, *ONCE, *THE_LATEST_EVENT_WINS, *ONE_ROW, *REPEATS, *IN_BULK, *EVERYWHERE, *HISTORY)
