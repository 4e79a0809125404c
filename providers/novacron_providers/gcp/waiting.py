"""Compute Engine's operations: a step begins one and keeps its name, the step after it asks how it goes."""

from novacron_providers.contract.call import Call
from novacron_providers.contract.errors import NotFound
from novacron_providers.gcp.client import Client
from novacron_providers.gcp.errors import failed
from novacron_providers.gcp.regions import region_of


class Waiting:
    """Follows one operation; a probe for Op.until.

    Args:
        client: The SDK.
        zone: Where the operation is.
        name: Its name; empty when nothing was begun.
        what: For errors: "start".
    """

    def __init__(self, client: Client, zone: str, name: str, what: str) -> None:
        self._client, self._zone, self._name, self._what = client, zone, name, what
        self._done = not name
        # Share of it that is done.
        self.progress = 0.0

    async def ended(self, call: Call) -> bool:
        """Ask how it goes; raises the error that the operation ended with."""
        if self._done:
            return True
        try:
            operation = await self._client.compute(
                "zone_operations.get",
                call,
                region=region_of(self._zone),
                rate="operation",
                zone=self._zone,
                operation=self._name,
            )
        except NotFound:
            # Google forgets operations; the state of the resource tells the rest.
            self._done = True
            return True
        self.progress = int(operation.get("progress") or 0) / 100
        # The error comes with DONE and not before.
        self._done = operation.get("status") == "DONE"
        if self._done and (error := failed(operation, self._what)):
            raise error
        return self._done
