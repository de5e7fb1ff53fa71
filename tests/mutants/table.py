"""The mutants: one change of the product each, by the promise of the contract (section 6) that it breaks."""

from __future__ import annotations

from tests.mutants.history import HISTORY
from tests.mutants.one_row import ONE_ROW, REPEATS
from tests.mutants.running import Mutant

INTERLEAVINGS = "tests/delivery/test_interleavings.py"
MANY_SWITCHES = f"{INTERLEAVINGS}::test_many_switches_between_workers_notified_of_the_same_events"

NOTHING_IS_LOST = (
    Mutant(
        "answers-before-storing-form",
        promise=1,
        breaks="202 for a form's event that could not be stored",
        file="chalicelib/ingestion/repeats.py",
        before="        accept(services, event)\n",
        after="        try:\n            accept(services, event)\n        except Exception:\n            pass\n",
        tests=("tests/web/test_forms.py",),
    ),
    Mutant(
        "answers-before-storing-batch",
        promise=1,
        breaks="202 for a batch of which an event could not be stored",
        file="chalicelib/ingestion/accept.py",
        before="        is_new = services.events.store(first)\n    except IdConflict as conflict:\n",
        after="        is_new = services.events.store(first)\n    except LedgerUnavailable:\n        is_new = True\n"
        "    except IdConflict as conflict:\n",
        tests=("tests/ingestion/test_accept.py",),
    ),
    Mutant(
        "message-dropped-when-not-stored",
        promise=1,
        breaks="a queue's event that could not be stored does not come again",
        file="chalicelib/ingestion/queue_messages.py",
        before="        accepted.failed.append(message_id)\n",
        after="",
        tests=("tests/reconciliation/test_sweep_and_queues.py",),
    ),
    Mutant(
        "refused-message-uses-its-id-up",
        promise=1,
        breaks="the id of an invalid event on a queue is taken, so that the corrected event is dropped",
        file="chalicelib/ingestion/queue_messages.py",
        before="        return replace(event, id=refused_id(message.original_id, arrival.index), kept=kept)\n",
        after="        return replace(event, kept=kept)\n",
        tests=("tests/operators/test_kept_messages.py",),
    ),
    Mutant(
        "refused-message-not-kept",
        promise=1,
        breaks="the body of an invalid event on a queue is dropped, so that nothing can send it again",
        file="chalicelib/ledger/event_items.py",
        before='    return {"message": message, "body": kept.body}\n',
        after='    return {"message": message}\n',
        tests=("tests/operators/test_kept_messages.py",),
    ),
    Mutant(
        "unsubscribe-parked",
        promise=1,
        breaks="an unsubscribe is parked after give_up_after_hours",
        file="chalicelib/delivery/claims.py",
        before="return task.event.type is EventType.SIGNUP and now - since > give_up",
        after="return now - since > give_up",
        tests=("tests/delivery/test_signups.py",),
    ),
    Mutant(
        "pause-not-ended",
        promise=1,
        breaks="an account that answers again stays paused",
        file="chalicelib/delivery/circuit_breaker.py",
        before="                after = backoff.answered(self._state, self._now, list_id, forms)\n",
        after="                after = self._state\n",
        tests=("tests/delivery/test_signups.py", "tests/reconciliation/test_sweep_and_queues.py"),
    ),
    Mutant(
        "bisection-drops-the-rest",
        promise=1,
        breaks="the second half of a refused batch is never sent",
        file="chalicelib/delivery/bisection.py",
        before="        self._waiting += [part[middle:], part[:middle]]\n",
        after="        self._waiting += [part[:middle]]\n",
        tests=("tests/delivery/test_signups.py",),
    ),
    Mutant(
        "sweep-forgets-a-paused-account",
        promise=1,
        breaks="events of an account whose pause is over are not enqueued",
        file="chalicelib/reconciliation/sweep.py",
        before="            return None, IDS_A_MESSAGE\n",
        after="            return None\n",
        tests=("tests/reconciliation/test_sweep_and_queues.py",),
    ),
    Mutant(
        "failed-attempt-leaves-the-index",
        promise=1,
        breaks="a delivery put off after a failure is not found by sweep any more",
        file="chalicelib/ledger/events.py",
        before='            remove=["quarantined", *(',
        after='            remove=["quarantined", "due_pk", *(',
        tests=("tests/reconciliation/test_sweep_and_queues.py",),
    ),
    Mutant(
        "sent-again-and-expires",
        promise=1,
        breaks="a parked delivery that is sent again expires before it is delivered",
        file="chalicelib/operators/requeue.py",
        before='            f"{change} REMOVE reason, reason_code, next_at, expires_at, unknown_attempts",\n',
        after='            f"{change} REMOVE reason, reason_code, next_at, unknown_attempts",\n',
        tests=("tests/operators/test_resend.py", "tests/operators/test_requeue.py"),
    ),
    Mutant(
        "erased-is-sent-again",
        promise=1,
        breaks="what was erased is sent again",
        file="chalicelib/operators/requeue.py",
        before='_NOT_ERASED = "attribute_not_exists(erased)"\n',
        after='_NOT_ERASED = "(attribute_not_exists(erased) OR attribute_exists(erased))"\n',
        tests=("tests/operators/test_resend.py", "tests/privacy/test_forget.py", "tests/operators/test_requeue.py"),
    ),
    Mutant(
        "waits-do-not-double",
        promise=1,
        breaks="an account in trouble is asked again and again in the same short time",
        file="chalicelib/domain/backoff.py",
        before="    ceiling = min(longest, first * 2.0 ** min(failures, 40))\n",
        after="    ceiling = min(longest, first)\n",
        tests=("tests/delivery/test_signups.py",),
    ),
)

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
        before="                for claimed in flat(part):\n"
        "                    claimed.tried(unknown=unknown, unanswered=unknown)\n"
        "                self._pause",
        after="                for claimed in flat(part):\n"
        "                    claimed.tried()\n"
        "                self._pause",
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
        before="        for pause in (*WRITE_AGAIN_AFTER, None):\n",
        after="        for pause in (None,):\n",
        tests=("tests/delivery/test_model_edges.py",),
    ),
)

THE_LATEST_EVENT_WINS = (
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
        after="        if len(part) == 2:\n            self.rejected += [(row, message) for row in part]\n"
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
