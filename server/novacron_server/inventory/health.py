"""Health of one provider, as the last probe and the last reads found it."""

import asyncio
import time
from collections.abc import Mapping
from typing import NamedTuple

import structlog
from google.protobuf import duration_pb2
from novacron.cloud.v1 import provider_pb2
from novacron_providers.contract.call import Call
from novacron_providers.contract.errors import CloudError, Unavailable, to_status
from novacron_providers.contract.provider import Connection, Identity

from novacron_server.times import duration

# Seconds for one probe of one region, and for the whole; a cloud that hangs is a state, not an error.
REGION_LIMIT = 5.0
PROBE_LIMIT = 10.0
# Regions probed at once.
PARALLEL = 8

_log: structlog.stdlib.BoundLogger = structlog.get_logger("novacron.providers")


class RegionState(NamedTuple):
    """What is known of a region: round trip of the last probe that worked, error of the last one that did not."""

    latency: duration_pb2.Duration | None = None
    error: CloudError | None = None


class Health:
    """Identity and reachability of one connection. Equal probes at once are one.

    What is known of regions is replaced, never changed: `facts` of before are then still what they were.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.identity: Identity | None = None
        self.error: CloudError | None = None
        self.regions: Mapping[str, RegionState] = {}
        self.observed: float | None = None
        self._throttled = 0
        self._throttling = False
        self._probe: asyncio.Task[None] | None = None

    def is_recent(self, call: Call, max_age: float) -> bool:
        """Whether what is known is at most `max_age` seconds old."""
        return self.observed is not None and call.clock.time() - self.observed <= max_age

    async def refresh(self, call: Call, max_age: float) -> None:
        """Probe unless what is known is recent. Never raises a CloudError."""
        if self.is_recent(call, max_age):
            return
        if self._probe is None:
            self._probe = asyncio.create_task(self._run(Call(principal=call.principal, clock=call.clock)))
            self._probe.add_done_callback(self._ended)
        # The probe goes on for others, and for the next who asks, when this caller leaves or runs out of time.
        remaining = call.remaining()
        await asyncio.wait([self._probe], timeout=None if remaining is None else max(0.0, remaining - 0.2))

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._probe = None
        if not task.cancelled() and (fault := task.exception()):
            # Of the adapter: what it raises for a cloud that fails is a CloudError, and a state.
            _log.error("a probe failed", exc_info=fault)

    async def _run(self, call: Call) -> None:
        try:
            async with asyncio.timeout(PROBE_LIMIT):
                self.identity = await self.connection.identify(_within(call, REGION_LIMIT))
                names = await self.connection.regions(_within(call, REGION_LIMIT))
                gate = asyncio.Semaphore(PARALLEL)
                await asyncio.gather(*(self._region(name, call, gate) for name in names))
                self.regions = {name: self.regions[name] for name in names}
            self.error = None
        except CloudError as error:
            self.error = error
        except TimeoutError:
            self.error = Unavailable(f"the cloud did not answer within {PROBE_LIMIT:g} s")
        count = self.connection.throttled_calls()
        self._throttling, self._throttled = count > self._throttled, count
        self.observed = call.clock.time()

    async def _region(self, name: str, call: Call, gate: asyncio.Semaphore) -> None:
        async with gate:
            begin = time.perf_counter()
            try:
                await self.connection.probe(name, _within(call, REGION_LIMIT))
            except CloudError as error:
                self.report(name, error)
            else:
                state = RegionState(latency=duration(time.perf_counter() - begin))
                self.regions = {**self.regions, name: state}

    def report(self, region: str, error: CloudError | None) -> None:
        """Take in what a background read of a region, or of all ("") found; None when it worked."""
        if not region:
            self.error = error
            return
        state = self.regions.get(region, RegionState())._replace(error=error)
        self.regions = {**self.regions, region: state}

    def facts(self) -> tuple[object, ...]:
        """All that `state` and `message` are made of: while it is equal, so are they."""
        told = (self.identity, self.error, self.regions, self.observed, self._throttling)
        return (told, self.connection.throttled_calls(), tuple(self.connection.circuits()))

    def state(self) -> provider_pb2.ProviderState:
        """The state that this adds up to."""
        failing = [region for region in self.regions.values() if region.error]
        if self.error or (failing and len(failing) == len(self.regions)):
            return provider_pb2.PROVIDER_STATE_UNAVAILABLE
        if failing or self._throttling or self.connection.circuits():
            return provider_pb2.PROVIDER_STATE_DEGRADED
        return provider_pb2.PROVIDER_STATE_CONNECTING if self.observed is None else provider_pb2.PROVIDER_STATE_ACTIVE

    def message(self) -> provider_pb2.ProviderHealth:
        """As the contract has it."""
        found = provider_pb2.ProviderHealth(throttled_calls=self.connection.throttled_calls())
        circuits = self.connection.circuits()
        errors = [self.error, *(region.error for region in self.regions.values()), *(c.error for c in circuits)]
        if error := next(filter(None, errors), None):
            found.error.CopyFrom(to_status(error))
        for name, region in sorted(self.regions.items()):
            entry = found.regions.add(region=name, latency=region.latency)
            if region.error:
                entry.error.CopyFrom(to_status(region.error))
        for circuit in circuits:
            shut = found.open_circuits.add(region=circuit.region, error=to_status(circuit.error))
            shut.retry_time.FromNanoseconds(round(circuit.retry_time * 1e9))
        if self.identity and self.identity.expire_time is not None:
            found.credentials_expire_time.FromNanoseconds(round(self.identity.expire_time * 1e9))
        return found


def _within(call: Call, seconds: float) -> Call:
    return Call(
        principal=call.principal,
        method="ProviderService/GetProvider",
        deadline=time.monotonic() + seconds,
        clock=call.clock,
    )
