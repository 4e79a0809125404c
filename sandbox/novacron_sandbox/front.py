"""What stands in front of every cloud: the hooks of tests, counts of what was asked, and faults that are to come."""

import json
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from novacron_sandbox.faults import KINDS, Fault, Faults
from novacron_sandbox.ledger import Ledger

T = TypeVar("T")


class Front:
    """The front of one cloud: its hooks are state, reset, fault, mend and seed.

    `reset` empties the cloud, `seed` makes a number of machines in one of `regions` and returns their ids; both are
    called with `gate` held, because the resources of a cloud are not made for threads. `more` are kinds of faults that
    only this cloud has.
    """

    def __init__(
        self,
        regions: Sequence[str],
        reset: Callable[[], None],
        seed: Callable[[str, int], list[str]],
        more: Sequence[str] = (),
    ) -> None:
        self._regions, self._clear, self._fill = regions, reset, seed
        self.faults, self.ledger = Faults((*KINDS, *more)), Ledger()
        self.gate = threading.Lock()

    def hook(self, name: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """Return the status and the answer of a hook."""
        hooks: dict[str, Callable[..., dict[str, Any]]] = {
            "state": self._state,
            "reset": self._reset,
            "fault": self._fault,
            "mend": self._mend,
            "seed": self._seed,
        }
        if name not in hooks:
            return 404, {"error": f"no hook {name!r}: there are {', '.join(hooks)}"}
        try:
            return 200, hooks[name](**json.loads(body or b"{}"))
        except (TypeError, ValueError, KeyError) as refusal:
            return 400, {"error": str(refusal)}

    def pass_on(
        self,
        action: str,
        carry_out: Callable[[Fault | None], T],
        spoil: Callable[[Fault], T],
        *,
        accepted: Sequence[str] = (),
    ) -> T:
        """Have a call carried out, unless it is to fail: then return what `spoil` makes of its answer.

        Faults of `accepted` kinds are no refusals: the call is carried out with them.
        """
        fault = self.faults.take(action)
        if fault is None or fault.kind in accepted:
            return carry_out(fault)
        if fault.kind == "slow":
            time.sleep(fault.seconds)
            return carry_out(None)
        if fault.after:
            carry_out(None)
        return spoil(fault)

    def _state(self) -> dict[str, Any]:
        return {**self.ledger.as_dict(), "faults": self.faults.waiting()}

    def _reset(self) -> dict[str, Any]:
        with self.gate:
            self._clear()
        self.faults.clear()
        self.ledger.clear()
        return {}

    def _fault(self, **asked: Any) -> dict[str, Any]:
        self.faults.add(Fault(**asked))
        return {}

    def _mend(self) -> dict[str, Any]:
        self.faults.clear()
        return {}

    def _seed(self, count: int, region: str = "") -> dict[str, Any]:
        region = region or self._regions[0]
        if region not in self._regions:
            raise ValueError(f"region {region!r} is none of {', '.join(self._regions)}")
        with self.gate:
            return {"instances": self._fill(region, int(count))}
