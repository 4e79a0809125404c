"""What goes into one call, where a cloud limits both how many things it takes and how many bytes."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def batches(items: Iterable[Item], *, most: int, size: Callable[[Item], int], room: int) -> Iterator[list[Item]]:
    """Cut into lists of at most `most` items whose sizes sum up to at most `room`; one that is larger goes alone."""
    batch: list[Item] = []
    used = 0
    for item in items:
        cost = size(item)
        if batch and (len(batch) == most or used + cost > room):
            yield batch
            batch, used = [], 0
        batch.append(item)
        used += cost
    if batch:
        yield batch
