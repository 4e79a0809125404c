"""Azure's long-running operations: a step begins one and keeps where to ask, the step after it asks."""

from novacron_providers.azure.client import Client
from novacron_providers.azure.errors import failed
from novacron_providers.contract.call import Call
from novacron_providers.contract.clock import Clock
from novacron_providers.contract.errors import NotFound

_DONE, _ENDED_BADLY = ("succeeded",), ("failed", "canceled")


class Waiting:
    """Follows one long-running operation; a probe for Op.until.

    Args:
        client: The SDK.
        url: Where to ask, as Azure gave it; empty when nothing was begun, or it ended at once.
        what: For errors: "start".
        clock: Where time comes from.
    """

    def __init__(self, client: Client, url: str, what: str, clock: Clock) -> None:
        self._client, self._url, self._what, self._clock = client, url, what, clock
        self._not_before = float("-inf")
        self._done = not url

    async def ended(self, call: Call) -> bool:
        """Ask, but no sooner than Azure wants to be asked again; raises the error that the operation ended with."""
        if self._done or self._clock.monotonic() < self._not_before:
            return self._done
        try:
            answer = await self._client.follow(self._url, call)
        except NotFound:
            # Azure forgets operations; the state of the resource tells the rest.
            self._done = True
            return True
        self._not_before = self._clock.monotonic() + (answer.retry_after or 0.0)
        word = str(answer.body.get("status", "")).lower() if isinstance(answer.body, dict) else ""
        if word in _ENDED_BADLY:
            raise failed(answer.body, self._what)
        # At a Location the status of the answer itself tells: 202 until it is done.
        self._done = word in _DONE if word else answer.status != 202
        return self._done

    async def probe(self, call: Call) -> float:
        """1.0 when it has ended."""
        return 1.0 if await self.ended(call) else 0.5
