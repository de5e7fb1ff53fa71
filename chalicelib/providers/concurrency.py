"""Several calls of one account under way at once, their results in the order asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

R = TypeVar("R")
T = TypeVar("T")


def concurrent_map(ask: Callable[[T], R], things: Iterable[T], at_once: int) -> Generator[R, None, None]:
    """`ask` of each thing, `at_once` of them at a time; no more are asked ahead of whoever reads the results.

    What `ask` raises comes in its place, and ends it: nothing further is begun, what is under way is not waited for.
    """
    ahead: deque[Future[R]] = deque()
    pool = ThreadPoolExecutor(at_once, thread_name_prefix="calls")
    try:
        for thing in things:
            if len(ahead) == at_once:
                yield ahead.popleft().result()
            ahead.append(pool.submit(ask, thing))
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
