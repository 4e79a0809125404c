"""DeleteInstance on Azure: the machine, and what was made for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from novacron_providers.azure import instances
from novacron_providers.azure.client import NETWORK, Client
from novacron_providers.azure.fleet import Fleet, Place, addresses_of
from novacron_providers.azure.waiting import Waiting
from novacron_providers.contract.call import Op
from novacron_providers.contract.clock import Clock
from novacron_providers.contract.errors import NotFound

DISKS = "2024-03-02"


class Thing(NamedTuple):
    """What goes with a machine: ARM id, and the version of the API that deletes it."""

    id: str
    version: str


class Deletion:
    """Deletes instances."""

    def __init__(self, client: Client, fleet: Fleet, clock: Clock) -> None:
        self._client, self._fleet, self._clock = client, fleet, clock

    async def run(self, place: Place, op: Op, *, allow_missing: bool) -> None:
        """Delete a machine with the cards, public addresses and disks that were made for it.

        Made for it is what says so itself (deleteOption), and what has the tag of the operation that made the machine.
        Raises NotFound unless `allow_missing`.
        """
        op.plan(
            {
                "check": "Look at the instance",
                "delete": "Delete the machine",
                "deleted": "Wait until it is gone",
                "leftovers": "Delete what was made for it",
            }
        )

        async def check(token: str) -> str:
            raw = await self._fleet.find(place, op.call)
            if raw is None:
                if not allow_missing:
                    raise place.missing()
                return ""
            things = await self._things(raw, op)
            return json.dumps({"region": raw["location"], "things": things})

        async def delete(token: str) -> str:
            try:
                answer = await self._client.compute(
                    "virtual_machines.begin_delete", op.call, place.group, place.machine, mutates=True
                )
            except NotFound:
                op.log("Azure has forgotten it already")
                return ""
            return answer.poll

        found = await op.step("check", check, checks=True)
        if not found:
            return
        plan = json.loads(found)
        op.target(self._fleet.ref(place, plan["region"]))
        waiting = Waiting(self._client, await op.step("delete", delete), "deleting", self._clock)

        async def is_gone() -> float:
            if not await waiting.ended(op.call):
                return 0.5
            return 1.0 if await self._fleet.find(place, op.call) is None else 0.7

        await op.until("deleted", is_gone)
        left = [Thing(*thing) for thing in plan["things"]]
        await op.until("leftovers", lambda: self._delete_first(left, len(plan["things"]), op))

    async def _things(self, raw: Mapping[str, Any], op: Op) -> list[Thing]:
        """What goes with a machine, in the order in which it can go."""
        operation = (raw.get("tags") or {}).get(instances.OPERATION_TAG)

        def goes(thing: Mapping[str, Any]) -> bool:
            tagged = operation is not None and (thing.get("tags") or {}).get(instances.OPERATION_TAG) == operation
            return tagged or (thing.get("properties") or thing).get("deleteOption") == "Delete"

        found = []
        for reference, card in zip(instances.cards_of(raw), await self._fleet.cards(raw, op.call), strict=True):
            if not goes(reference) and (card is None or not goes(card)):
                continue
            found.append(Thing(reference["id"], NETWORK))
            for address in addresses_of(card) if card is not None else ():
                public = await self._public(address, op)
                if public is not None and goes(public):
                    found.append(Thing(address, NETWORK))
        return found + [Thing(disk["managedDisk"]["id"], DISKS) for disk in instances.disks_of(raw) if goes(disk)]

    async def _public(self, id_: str, op: Op) -> Any | None:
        try:
            return (await self._client.arm("GET", id_, NETWORK, op.call)).body
        except NotFound:
            return None

    async def _delete_first(self, left: list[Thing], of: int, op: Op) -> float:
        """Delete the first thing that is left, or see that it is gone; how much of all is gone.

        Most of it goes with the machine, by Azure itself. A card goes before its address, which it holds.
        """
        while left:
            if not await removed(self._client, left[0], op):
                return 1.0 - len(left) / of if of else 1.0
            left.pop(0)
        return 1.0


async def removed(client: Client, thing: Thing, op: Op) -> bool:
    """Delete a thing, or see that it is gone; ask again until it is."""
    try:
        there = await client.arm("GET", thing.id, thing.version, op.call)
    except NotFound:
        return True
    if (there.body.get("properties") or {}).get("provisioningState") != "Deleting":
        await client.arm("DELETE", thing.id, thing.version, op.call)
    return False
