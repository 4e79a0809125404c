"""WatchResources over clouds in memory, on a clock that the test moves, and watchers who object to what breaks it."""

import asyncio
import pathlib
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any, Self

from google.protobuf import duration_pb2
from google.protobuf.message import Message
from novacron.cloud.v1 import capabilities_pb2, common_pb2, compute_pb2, provider_pb2, provider_service_pb2, streams_pb2
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_providers.contract import Call, Clock, Provider, Settings
from novacron_providers.contract.errors import CloudError, to_status
from novacron_server.inventory.fleet import Fleet
from novacron_server.inventory.providers import Providers
from novacron_server.inventory.recent import Recent
from novacron_server.inventory.resources import Resources
from novacron_server.security.seal import Seal
from novacron_server.state.providers import ProviderRow
from novacron_server.state.store import Store
from novacron_server.telemetry.service import Telemetry

from tests.clock import ManualClock
from tests.unit.telemetry.toycloud import ToyCloud

DATABASE = "state.db"
RUNNING, STOPPED = compute_pb2.INSTANCE_STATE_RUNNING, compute_pb2.INSTANCE_STATE_STOPPED
PROVIDER, INSTANCE = common_pb2.RESOURCE_TYPE_PROVIDER, common_pb2.RESOURCE_TYPE_INSTANCE


class WatchedCloud(ToyCloud):
    """An account that is listed region by region.

    Attributes:
        asked: Regions of each list.
        probes: How often its health was asked for.
    """

    def __init__(self, clock: Clock, name: str = "toy") -> None:
        super().__init__(clock, name)
        self.fleet = {"east": {}, "west": {}}
        self.asked: list[list[str]] = []
        self.probes = 0

    def start(self, native_id: str, region: str = "east", **tags: str) -> str:
        """Make an instance that runs and return its name."""
        name = self.add(native_id, region, **tags)
        self.set(native_id, RUNNING, region)
        return name

    def set(self, native_id: str, state: compute_pb2.InstanceState, region: str = "east") -> None:
        before = self.fleet[region][native_id]
        now = self.fleet[region][native_id] = compute_pb2.Instance()
        now.CopyFrom(before)
        now.state = state

    async def probe(self, region: str, call: Call) -> None:
        self.probes += 1
        if error := self.broken.get(region):
            raise error

    async def list_instances(
        self, request: provider_service_pb2.ListInstancesRequest, call: Call
    ) -> provider_service_pb2.ListInstancesResponse:
        # What there is when the list begins.
        found = {region: [*self.fleet[region].values()] for region in request.regions}
        self.asked.append([*request.regions])
        await self.clock.sleep(self.pause)
        answer = provider_service_pb2.ListInstancesResponse()
        for region, instances in found.items():
            if error := self.broken.get(region):
                if len(found) == 1 or not isinstance(error, CloudError):
                    raise error
                answer.unreachable.add(name=f"providers/{self.name}/regions/{region}", status=to_status(error))
            else:
                answer.instances.extend(instances)
        for instance in answer.instances:
            instance.observe_time.FromNanoseconds(round(self.clock.time() * 1e9))
        return answer


class AtOnceCloud(WatchedCloud):
    """An account that is listed at once."""

    lists_at_once = True


class Watcher:
    """Reads a stream in a task of its own, and does what streams.proto says.

    Attributes:
        state: What it knows, by name.
        told: What came: "opened", "resumed", "synced", "heartbeat", "closing", or the last part of a name, with a minus
            where it was removed.
        position: Where to resume; None when one cannot.
        error: What ended the stream.
        sizes: Bytes of each message.
    """

    def __init__(
        self, responses: AsyncGenerator[bytes, None], state: dict[str, Message] | None = None, epoch: str = ""
    ) -> None:
        self.state = dict(state or {})
        self.told: list[str] = []
        self.controls: list[streams_pb2.StreamControl] = []
        self.position: streams_pb2.StreamPosition | None = None
        self.error: CloudError | None = None
        self.sizes: list[int] = []
        self.is_synced = False
        self._epoch = epoch
        self._may_have_position = False
        self._responses = responses
        self._may_read = asyncio.Event()
        self._may_read.set()
        self._task = asyncio.create_task(self._read())

    def forget(self) -> None:
        """Forget what came; the state stays."""
        self.told.clear()
        self.sizes.clear()

    def pause(self) -> None:
        self._may_read.clear()

    def resume(self) -> None:
        self._may_read.set()

    async def stop(self) -> None:
        """Go away, as a client that cancels."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    @property
    def instances(self) -> dict[str, str]:
        """States of the instances, by native id."""
        return {
            message.native_id: compute_pb2.InstanceState.Name(message.state).removeprefix("INSTANCE_STATE_")
            for message in self.state.values()
            if isinstance(message, compute_pb2.Instance)
        }

    def provider(self, name: str = "toy") -> provider_pb2.Provider:
        found = self.state[f"providers/{name}"]
        assert isinstance(found, provider_pb2.Provider)
        return found

    async def _read(self) -> None:
        try:
            async for data in self._responses:
                self.sizes.append(len(data))
                for event in pb.WatchResourcesResponse.FromString(data).events:
                    self._take(event)
                await self._may_read.wait()
        except CloudError as error:
            self.error = error
        finally:
            await self._responses.aclose()

    def _take(self, event: pb.ResourceEvent) -> None:
        kind = event.WhichOneof("event")
        if kind == "control":
            self._control(event.control)
        assert bool(event.sequence) == (self._may_have_position and not event.control.HasField("opened")), event
        if event.sequence:
            assert self.position is None or event.sequence >= self.position.sequence
            self.position = streams_pb2.StreamPosition(epoch=self._epoch, sequence=event.sequence)
        if kind == "removed":
            self.state.pop(event.removed.name, None)
            self.told.append(f"-{event.removed.name.rpartition('/')[2]}")
        elif kind in ("provider", "instance"):
            message = getattr(event, kind)
            self.state[message.name] = message
            self.told.append(message.name.rpartition("/")[2])

    def _control(self, control: streams_pb2.StreamControl) -> None:
        name = str(control.WhichOneof("control"))
        self.controls.append(control)
        self.told.append("resumed" if control.opened.resumed else name)
        if name == "opened":
            assert control.opened.epoch
            self._epoch = control.opened.epoch
            self._may_have_position = control.opened.resumed
            self.is_synced = False
            if not control.opened.resumed:
                self.state.clear()
                self.position = None
        if name == "synced":
            self.is_synced = self._may_have_position = True


class WatchLab:
    """A registry of such clouds, what lists them, and those who watch.

    Attributes:
        clouds: By provider.
        kinds: What a cloud of each kind is.
    """

    def __init__(self, clock: ManualClock, providers: Providers, store: Store) -> None:
        self.clock, self.providers, self._store = clock, providers, store
        self.clouds: dict[str, WatchedCloud] = {}
        self.recent = Recent(clock)
        self.fleet = Fleet(providers, self.recent, clock)
        self.resources = Resources(providers, self.fleet, clock)
        self.telemetry = Telemetry(providers, self.fleet, clock=clock)
        self._watchers: list[Watcher] = []

    @classmethod
    async def open(cls, folder: pathlib.Path) -> Self:
        clock = ManualClock(1_700_000_040.0)
        store = await Store.open(f"sqlite:///{folder / DATABASE}")
        seal = await asyncio.to_thread(Seal.from_file, folder / "sealing.key")
        plugins: dict[str, Provider] = {}
        lab = cls(clock, Providers(store, seal, plugins, clock), store)
        able = [
            capabilities_pb2.CapabilityStatus(capability=capability, level=capabilities_pb2.SUPPORT_LEVEL_NATIVE)
            for capability in (capabilities_pb2.CAPABILITY_INSTANCES, capabilities_pb2.CAPABILITY_METRICS)
        ]

        def connector(kind: type[WatchedCloud]) -> Any:
            def connect(settings: Settings) -> WatchedCloud:
                return lab.clouds.setdefault(settings.provider, kind(clock, settings.provider))

            return connect

        for name, kind, capabilities in (
            ("toy", WatchedCloud, able),
            ("at-once", AtOnceCloud, able),
            ("bare", WatchedCloud, []),
        ):
            plugins[name] = Provider(
                kind=name,
                display_name=name,
                capabilities=capabilities,
                check=lambda settings: None,
                connect=connector(kind),
            )
        return lab

    async def register(self, name: str = "toy", kind: str = "toy") -> WatchedCloud:
        row = ProviderRow(
            id=name, kind=kind, display_name="", config=b"", auth=b"", is_default=False, version=1, origin="rpc",
            create_time=0.0,
        )  # fmt: skip
        await self.providers.add(await self.providers.admit(row, {}, Call()))
        return self.clouds[name]

    async def rename(self, name: str, display_name: str) -> None:
        """Change a provider as UpdateProvider does."""
        before = self.providers.get(name)
        row = replace(before.row, display_name=display_name, version=before.row.version + 1)
        await self.providers.change(await self.providers.admit(row, {}, Call()), before.row.version)

    def watch(self, *, state: Watcher | None = None, principal: str = "ada", **fields: Any) -> Watcher:
        """Start to watch; nothing came yet. `state` is the watcher whose state and position are taken over."""
        fields.setdefault("parent", "providers/-")
        seconds = fields.pop("heartbeat", 86_400.0)
        if seconds is not None:
            fields["heartbeat_interval"] = duration_pb2.Duration()
            fields["heartbeat_interval"].FromMicroseconds(round(seconds * 1e6))
        if state is not None:
            fields.setdefault("resume_after", state.position)
        request = pb.WatchResourcesRequest(**fields)
        call = Call(principal=principal, clock=self.clock)
        watcher = Watcher(self.resources.watch_resources(request, call), state.state if state else None)
        self._watchers.append(watcher)
        return watcher

    async def synced(self, **fields: Any) -> Watcher:
        """A watcher that has its snapshot."""
        watcher = self.watch(**fields)
        await self.clock.settle()
        assert watcher.error is None, watcher.error
        assert watcher.is_synced, watcher.told
        return watcher

    async def leave(self) -> None:
        """Have all who watch go away."""
        for watcher in self._watchers:
            await watcher.stop()
        self._watchers.clear()

    def changed(self, provider: str = "toy") -> None:
        """What happens when an operation on a provider ends."""
        self.telemetry.inventory_changed(provider)
        self.resources.changed(provider)

    async def close(self) -> None:
        await self.leave()
        await asyncio.gather(self.resources.close(), self.telemetry.close())
        await self.fleet.close()
        await self.providers.close()
        await self._store.close()
