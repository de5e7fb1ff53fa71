"""When signups refused one after the other are the fault of the form and no longer of the contacts."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, strategies as st

from chalicelib.domain import repeated_refusals
from chalicelib.domain.repeated_refusals import (
    MOST_COUNTED,
    MOST_REFUSED_ALIKE,
    WITHIN_MILLISECONDS,
    Refusal,
    RefusalDecision,
    RefusedAlike,
    decide,
    same_words,
)

NOW = 10**12
Counted = tuple[RefusedAlike, ...]


def refusals(*persons: str, form: str | None = "footer", message: str = "unknown field") -> list[Refusal]:
    return [Refusal(person, form, message) for person in persons]


def decided(
    counted: Counted,
    refused: Sequence[Refusal],
    *accepted: str | None,
    now: int = NOW,
    paused: bool = False,
    list_at_fault: bool = False,
) -> RefusalDecision:
    return decide(counted, "4781", refused, accepted, now, paused=paused, list_at_fault=list_at_fault)


def test_the_fifth_person_in_a_row_pauses_the_list_and_the_sixth_is_not_refused() -> None:
    counted: Counted = ()
    for number, pauses in enumerate((False, False, False, False, True), 1):
        decision = decided(counted, refusals(f"p{number}"))
        assert (decision.final, decision.reason is not None) == ((True,), pauses)
        counted = decision.counted
    sixth = decided(counted, refusals("p6"), paused=True)
    assert (sixth.final, sixth.counted) == ((False,), counted)
    assert sixth.reason == "every signup of the form footer is refused: unknown field"


@given(st.lists(st.integers(1, 8), max_size=6))
def test_five_are_refused_however_they_are_batched(sizes: list[int]) -> None:
    counted, final, person, paused = (), [], iter(range(100)), False
    for size in sizes:
        decision = decided(counted, refusals(*(f"p{next(person)}" for _ in range(size))), paused=paused)
        counted, final, paused = decision.counted, [*final, *decision.final], decision.reason is not None
    assert final == [number < MOST_REFUSED_ALIKE for number in range(sum(sizes))]


def test_a_person_counts_once() -> None:
    counted: Counted = ()
    for _ in range(9):
        decision = decided(counted, refusals("p1", "p1"))
        assert (decision.final, decision.reason) == ((True, True), None)
        counted = decision.counted


def test_other_words_and_other_forms_count_apart() -> None:
    four = decided((), refusals("p1", "p2", "p3", "p4")).counted
    mixed = [
        *refusals("p5", form="sidebar"),
        *refusals("p6", form=None),
        *refusals("p7", message="no such mailbox"),
    ]
    decision = decided(four, mixed)
    assert (decision.final, decision.reason) == ((True, True, True), None)
    assert decided(decision.counted, refusals("p8")).reason is not None, "what came between in other words ends nothing"


def test_a_batch_that_accepted_a_signup_of_the_form_does_not_count() -> None:
    four = decided((), refusals("p1", "p2", "p3", "p4")).counted
    decision = decided(four, refusals("p5", "p6"), "footer")
    assert (decision.final, decision.reason, decision.counted) == ((True, True), None, four)
    assert decided(four, refusals("p5"), "sidebar").reason is not None, "another form's success says nothing"


def test_a_success_of_the_form_ends_its_count() -> None:
    counted = decided((), [*refusals("p1"), *refusals("p2", form=None)]).counted
    assert repeated_refusals.without_forms(counted, "4781", {"footer"}) == counted[1:]
    assert repeated_refusals.without_forms(counted, "4781", {None}) == counted[:1]
    assert repeated_refusals.without_forms(counted, "1207", {"footer", None}) == counted


def test_five_within_a_day_count_and_no_older_ones_unless_the_list_is_still_paused() -> None:
    four = decided((), refusals("p1", "p2", "p3", "p4")).counted
    assert decided(four, refusals("p5"), now=NOW + WITHIN_MILLISECONDS - 1).reason is not None
    assert decided(four, refusals("p5"), now=NOW + WITHIN_MILLISECONDS).reason is None
    five = decided(four, refusals("p5")).counted
    later = NOW + 3 * WITHIN_MILLISECONDS
    assert decided(five, refusals("p6"), now=later, paused=True).final == (False,)
    assert decided(five, refusals("p6"), now=later).final == (True,)


def test_a_list_at_fault_refuses_nobody_and_what_comes_after_waits_at_once() -> None:
    decision = decided((), refusals(*(f"p{number}" for number in range(8)), form=None), list_at_fault=True)
    assert decision.final == (False,) * 8
    assert decision.reason == "every contact is refused: unknown field"
    assert decided(decision.counted, refusals("p9", form=None), paused=True).final == (False,)


def test_as_many_combinations_are_kept_as_fit_the_latest_ones() -> None:
    counted: Counted = ()
    for number in range(MOST_COUNTED + 5):
        counted = decided(counted, refusals("p1", form=f"form{number}")).counted
    assert [one.form for one in counted] == [f"form{number}" for number in range(5, MOST_COUNTED + 5)]


def test_words_are_the_same_but_for_numbers_and_quoted_values() -> None:
    assert same_words("row 12: 'Zoé' is no date") == same_words("row 7: 'Ana' is no date")
    assert same_words('field "a" is too long (300)') == same_words('field "b" is too long (12)')
    assert same_words("l'adresse n'est pas valide") != same_words("l'adresse est pleine")
