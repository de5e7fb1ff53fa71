"""Makes several calls of one account concurrently, with results in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future
from typing import TypeVar

R = TypeVar("R")
T = TypeVar("T")


def concurrent_map(ask: Callable[[T], R], items: Iterable[T], at_once: int) -> Generator[R, None, None]:
    """Yields `ask(item)` of each item in order, `at_once` calls under way at a time, none ahead of the reader.

    What `ask` raises is raised at its place, and ends the iteration: nothing more is begun, and calls under way are not
    waited for.
    """
    from ..observability import ContextPool  # not with the providers: a configuration loads without AWS' libraries

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
