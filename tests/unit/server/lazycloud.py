"""Clouds in memory that answer when the test lets them, list what the test says, and count how often they are asked."""

import asyncio
import contextlib
import pathlib
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from google.protobuf import empty_pb2
from novacron.cloud.v1 import capabilities_pb2, common_pb2, compute_pb2, provider_pb2
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_providers.contract import Area, Call, Compute, Connection, Filter, Identity, Op, Provider, Settings
from novacron_providers.contract.errors import CloudError, NotFound
from novacron_providers.contract.paging import decode_offset, encode_token, page_size
from novacron_server.inventory.providers import Providers
from novacron_server.security.seal import Seal
from novacron_server.state.providers import ProviderRow
from novacron_server.state.store import Store

from tests.clock import ManualClock


class LazyCloud(Connection, Compute):
    """An account.

    Attributes:
        listed: Instances that its lists show, by id.
        known: Instances that it knows by name; those that are listed as well.
        asked: Calls of each kind.
        deadlines: Those of the calls.
        open: While it is not set, no call is answered.
        error: What every call ends with.
        unreachable: What each list says it could not read.
    """

    def __init__(self, settings: Settings) -> None:
        self.provider, self.clock = settings.provider, settings.clock
        self.account = settings.config.project or "account"
        self.listed: dict[str, compute_pb2.Instance] = {}
        self.known: dict[str, compute_pb2.Instance] = {}
        self.asked: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self.deadlines: list[float | None] = []
        self.open = asyncio.Event()
        self.open.set()
        self.error: CloudError | None = None
        self.unreachable: list[common_pb2.Unreachable] = []

    def instance(self, native_id: str, region: str = "east", **more: Any) -> compute_pb2.Instance:
        """An instance as this cloud tells of it."""
        name = f"providers/{self.provider}/instances/{region}~{native_id}"
        fields = {"state": compute_pb2.INSTANCE_STATE_RUNNING, **more}
        return compute_pb2.Instance(name=name, native_id=native_id, region=region, **fields)

    def add(self, native_id: str, **more: Any) -> compute_pb2.Instance:
        """List an instance from now on."""
        self.listed[native_id] = self.instance(native_id, **more)
        return self.listed[native_id]

    @property
    def areas(self) -> Sequence[Area]:
        return (self,)

    async def identify(self, call: Call) -> Identity:
        return Identity(account=self.account)

    async def regions(self, call: Call) -> Sequence[str]:
        return ["east", "west"]

    async def probe(self, region: str, call: Call) -> None:
        pass

    def throttled_calls(self) -> int:
        return 0

    async def close(self) -> None:
        pass

    async def list_instances(self, request: pb.ListInstancesRequest, call: Call) -> pb.ListInstancesResponse:
        answer = pb.ListInstancesResponse(unreachable=self.unreachable)
        answer.observe_time.FromNanoseconds(round(self.clock.time() * 1e9))
        query = Filter.parse(request.filter, compute_pb2.Instance)
        found = [i for i in self.listed.values() if query.matches(i) and i.region in (request.regions or [i.region])]
        await self._answer("list", call)
        start, size = decode_offset(request), page_size(request)
        answer.instances.extend(found[start : start + size])
        if start + size < len(found):
            answer.next_page_token = encode_token(request, start + size)
        return answer

    async def get_instance(self, request: pb.GetInstanceRequest, call: Call) -> pb.GetInstanceResponse:
        await self._answer("get", call)
        known = {instance.name: instance for instance in (*self.known.values(), *self.listed.values())}
        if request.name not in known:
            raise NotFound("no such instance", resource=request.name)
        return pb.GetInstanceResponse(instance=known[request.name])

    async def _answer(self, kind: str, call: Call) -> None:
        self.asked[kind] += 1
        self.deadlines.append(call.deadline)
        try:
            await self.open.wait()
        finally:
            self.ended[kind] += 1
        if self.error:
            raise self.error

    async def list_regions(self, request: pb.ListRegionsRequest, call: Call) -> pb.ListRegionsResponse:
        raise AssertionError

    async def list_instance_types(
        self, request: pb.ListInstanceTypesRequest, call: Call
    ) -> pb.ListInstanceTypesResponse:
        raise AssertionError

    async def create_instance(self, request: pb.CreateInstanceRequest, op: Op) -> compute_pb2.Instance:
        raise AssertionError

    async def delete_instance(self, request: pb.DeleteInstanceRequest, op: Op) -> empty_pb2.Empty:
        raise AssertionError

    async def start_instance(self, request: pb.StartInstanceRequest, op: Op) -> compute_pb2.Instance:
        raise AssertionError

    async def stop_instance(self, request: pb.StopInstanceRequest, op: Op) -> compute_pb2.Instance:
        raise AssertionError

    async def restart_instance(self, request: pb.RestartInstanceRequest, op: Op) -> compute_pb2.Instance:
        raise AssertionError


@contextlib.asynccontextmanager
async def registry(folder: pathlib.Path, clock: ManualClock, accounts: Mapping[str, str]) -> AsyncIterator[Providers]:
    """Providers of such clouds, by id, with the account that each leads to."""
    able = capabilities_pb2.CapabilityStatus(
        capability=capabilities_pb2.CAPABILITY_INSTANCES, level=capabilities_pb2.SUPPORT_LEVEL_NATIVE
    )
    plugins = {
        kind: Provider(
            kind=kind, display_name=kind, capabilities=[able], check=lambda settings: None, connect=LazyCloud
        )
        for kind in ("lazy", "other")
    }
    store = await Store.open(f"sqlite:///{folder / 'state.db'}")
    seal = await asyncio.to_thread(Seal.from_file, folder / "sealing.key")
    providers = Providers(store, seal, plugins, clock)
    for name, account in accounts.items():
        await register(providers, name, provider_pb2.ProviderConfig(project=account))
    yield providers
    await providers.close()
    await store.close()


async def register(
    providers: Providers,
    name: str,
    config: provider_pb2.ProviderConfig,
    kind: str = "lazy",
    *,
    is_default: bool = False,
) -> LazyCloud:
    """Register one more, or another version of one that there is; gives its cloud."""
    data = config.SerializeToString(deterministic=True)
    known = name in providers.names()
    version = providers.get(name).row.version + 1 if known else 1
    row = ProviderRow(
        id=name, kind=kind, display_name="", config=data, auth=b"", is_default=is_default, version=version,
        origin="rpc", create_time=0.0,
    )  # fmt: skip
    registered = await providers.admit(row, {}, Call())
    await (providers.change(registered, version - 1) if known else providers.add(registered))
    return cloud_of(providers, name)


def cloud_of(providers: Providers, name: str) -> LazyCloud:
    """The cloud behind a provider."""
    found = providers.connection(name)
    assert isinstance(found, LazyCloud)
    return found
