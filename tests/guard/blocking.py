"""Find calls that block the event loop, also those whose error somebody swallowed."""

import gc
import traceback
from collections.abc import Callable

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


_watch = BlockBuster(OURS)
# coverage's own, for as long as it takes to note a line that another thread comes to as well.
_watch.functions["threading.Lock.acquire"].can_block_in("coverage/collector.py", "lock_data")
# The garbage collector runs finalizers wherever it happens to; a lock that one of them takes is not the code's there.
_collecting: set[str] = set()


def _note_collection(phase: str, _: dict[str, int]) -> None:
    (_collecting.add if phase == "start" else _collecting.discard)("gc")


def install(report: Callable[[str], None]) -> None:
    """Watch the event loops of this process until `remove`; `report` gets a line for each offence."""
    BlockedLoop.report = staticmethod(report)
    blockbuster.BlockingError = BlockedLoop  # type: ignore[misc]  # blockbuster has no other way to tell of an offence
    # asyncio.sleep takes no lock: who does inside of it is a finalizer as well.
    _watch.functions["threading.Lock.acquire"].can_block_in("asyncio/tasks.py", "sleep")
    gc.callbacks.append(_note_collection)
    _watch.activate()


def remove() -> None:
    """Stop watching: an interpreter that ends with patched built-in types crashes."""
    _watch.deactivate()
    gc.callbacks.remove(_note_collection)
