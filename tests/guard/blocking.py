"""Find calls that block the event loop, also those whose error somebody swallowed."""

import gc
import threading
import traceback
from collections.abc import Callable
from typing import Any

import forbiddenfruit  # type: ignore[import-untyped]  # has no types
from blockbuster import BlockBuster, blockbuster

# A call is judged when code of these packages is on the stack: what pytest, coverage and a test's own body do in the
# loop slows down nobody but the test.
OURS = ["novacron_client", "novacron_cli", "novacron_providers", "novacron_server"]


class BlockedLoop(blockbuster.BlockingError):
    """Reports itself when it is raised, because what is raised may never arrive."""

    report: Callable[[str], None]

    def __init__(self, func: str) -> None:
        super().__init__(func)
        stack = [frame for frame in traceback.extract_stack() if frame.filename not in (__file__, blockbuster.__file__)]
        ours = [frame for frame in stack if any(f"/{name}/" in frame.filename for name in OURS)]
        places = dict.fromkeys(f"{frame.filename}:{frame.lineno}" for frame in [*ours[-1:], stack[-1]])
        self.report(f"{func} blocks the event loop, from {', '.join(places)}; move it to a thread")


# Threads in which the garbage collector runs. It does so wherever it happens to, and a lock that one of the finalizers
# takes is not the doing of the code there.
_collecting: set[int] = set()


def _note_collection(phase: str, _: dict[str, int]) -> None:
    (_collecting.add if phase == "start" else _collecting.discard)(threading.get_ident())


def _may_wait(waits_never: Callable[..., bool]) -> Callable[..., bool]:
    def may_wait(*args: Any, **options: Any) -> bool:
        return threading.get_ident() in _collecting or waits_never(*args, **options)

    return may_wait


_watch = BlockBuster(OURS)
_acquire = _watch.functions["threading.Lock.acquire"]
_acquire.can_block_predicate = _may_wait(_acquire.can_block_predicate)
# coverage's own lock, for as long as it takes to note a file that another thread comes to as well.
_acquire.can_block_in("coverage/collector.py", "lock_data")


def install(report: Callable[[str], None]) -> None:
    """Watch the event loops of this process until `remove`; `report` gets a line for each offence."""
    BlockedLoop.report = staticmethod(report)
    blockbuster.BlockingError = BlockedLoop  # type: ignore[misc]  # blockbuster has no other way to tell of an offence
    gc.callbacks.append(_note_collection)
    _watch.activate()


def remove() -> None:
    """Stop watching, and leave built-in types as they were: an interpreter that ends with patched ones can crash."""
    _watch.deactivate()
    for function in _watch.functions.values():
        # Where it keeps what was there before; by now that is its own function.
        if (kept := f"_c_{function.func_name}") in vars(function.module):
            forbiddenfruit.reverse(function.module, kept)
    gc.callbacks.remove(_note_collection)
