"""Makes several calls of one account concurrently, with results in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future
from typing import TypeVar

R = TypeVar("R")
T = TypeVar("T")


def concurrent_map(ask: Callable[[T], R], items: Iterable[T], at_once: int) -> Generator[R, None, None]:
    """Yields `ask(item)` for each item in order, with at most `at_once` calls ahead of what the reader has taken.

    What `ask` raises is raised in its place and ends the iteration: no further call is begun, and calls under way are
    not waited for.
    """
    from ..observability import ContextPool  # here, since a configuration loads the providers without AWS' libraries

    ahead: deque[Future[R]] = deque()
    pool = ContextPool(at_once, thread_name_prefix="calls")
    try:
        for item in items:
            if len(ahead) == at_once:
                yield ahead.popleft().result()
            ahead.append(pool.submit(ask, item))
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
