"""Distribution of tests: each runs once, modules stay together, and no worker is idle while others have many tests
left.
"""

from __future__ import annotations

from hypothesis import given, strategies as st

from tests.runner.schedule import Schedule, in_order


@given(st.lists(st.integers(1, 9), max_size=9), st.lists(st.integers(0, 3), max_size=120))
def test_every_test_is_assigned_once(sizes: list[int], askers: list[int]) -> None:
    total = sum(sizes)
    numbers = iter(range(total))
    schedule = Schedule([[next(numbers) for _ in range(size)] for size in sizes])
    given_out = [schedule.next(worker) for worker in askers]
    given_out += [schedule.next(0) for _ in range(total + 1)]
    assert sorted(number for number in given_out if number is not None) == list(range(total))
    assert schedule.next(1) is None


def test_a_worker_finishes_its_module_while_others_begin_the_next() -> None:
    schedule = Schedule([[0, 1, 2], [3, 4]])
    assert [schedule.next(0), schedule.next(1), schedule.next(0), schedule.next(1), schedule.next(0)] == [0, 3, 1, 4, 2]


def test_an_idle_worker_takes_half_of_the_longest_module() -> None:
    schedule = Schedule([list(range(8)), [8]])
    assert [schedule.next(0), schedule.next(1)] == [0, 8]
    assert [schedule.next(1) for _ in range(4)] == [4, 5, 6, 7]
    assert [schedule.next(0) for _ in range(4)] == [1, 2, 3, None]


def test_groups_start_in_folder_order() -> None:
    groups = [("unit", [1]), ("e2e", [2]), ("chaos", [3]), ("store", [4])]
    assert in_order(groups, ("chaos", "e2e")) == [[3], [2], [1], [4]]
