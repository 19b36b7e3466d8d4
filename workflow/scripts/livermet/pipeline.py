"""Scans one behind the other through three steps, which different scans may be in at once."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar("Item")
Ready = TypeVar("Ready")
Found = TypeVar("Found")


def in_three_steps(
    items: Iterable[Item],
    prepare: Callable[[Item], Ready],
    compute: Callable[[Item, Ready], Found],
    finish: Callable[[Item, Found], None],
    threads: int,
) -> Iterator[Item]:
    """Prepare, compute and finish each item, and yield it when it is finished, in their order.

    With more than one thread the next item is prepared and the last one finished while this one is
    computed; at most three are held at once. An error of a step ends the work as it would in a
    loop; what is being finished then is finished.
    """
    if threads < 2:
        for item in items:
            finish(item, compute(item, prepare(item)))
            yield item
        return
    each = max(1, threads // 2)
    # A thread takes its number of cores at torch's first work in it, from what any thread set last.
    # Asked for it here, the caller's stays what it was; else it would be that of the other two.
    torch.get_num_threads()
    with _one_thread(each) as before, _one_thread(each) as behind:
        yield from _overlapped(list(items), prepare, compute, finish, before, behind)


def _one_thread(threads: int) -> ThreadPoolExecutor:
    # A new thread would else use all cores for each of torch's operations.
    return ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(threads,))


def _overlapped(items, prepare, compute, finish, before, behind) -> Iterator:
    ready: Future | None = None
    last: tuple[object, Future] | None = None
    for number, item in enumerate(items):
        # The first is prepared in the caller, by all cores: nothing is computed yet.
        prepared = ready.result() if ready else prepare(item)
        following = items[number + 1 :]
        ready = before.submit(prepare, following[0]) if following else None
        found = compute(item, prepared)
        del prepared
        if last:
            last[1].result()
            yield last[0]
        last = item, behind.submit(finish, item, found)
        del found
    if last:
        last[1].result()
        yield last[0]
