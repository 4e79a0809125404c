"""One layer of retries: what fails is asked for as often as kit.call tries, and not once more by an SDK of its own."""

import contextlib
import http.server
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from novacron.cloud.v1 import provider_pb2
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_providers import aws, azure, gcp
from novacron_providers.contract import Call, Compute, Connection, Metrics, Provider, Secret, Settings
from novacron_providers.contract.errors import Throttled, Unavailable
from novacron_providers.contract.metrics import Window
from novacron_sandbox import Sandbox

from tests.servers import CONFIGS
from tests.unit.providers.skipping_clock import SkippingClock

PROVIDERS: dict[str, Provider] = {"aws": aws.PROVIDER, "azure": azure.PROVIDER, "gcp": gcp.PROVIDER}
CLOUDS = sorted(PROVIDERS)
# What signing in and identify() ask, as each cloud's sandbox counts it.
SIGN_IN = {"aws": "AssumeRole", "azure": "token", "gcp": "token"}
IDENTIFY = {"aws": "GetCallerIdentity", "azure": "Subscriptions_Get", "gcp": "projects.get"}
# One read of an instance and one of metrics.
GET = {"aws": "DescribeInstances", "azure": "VirtualMachines_Get", "gcp": "instances.get"}
READ = {"aws": "GetMetricData", "azure": "MetricsBatch_Batch", "gcp": "timeSeries.list"}
FAULTS = ("unavailable", "throttle", "html500", "reset")
CALL = Call(principal="tester")
ATTEMPTS = 3


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@contextlib.asynccontextmanager
async def connected(
    sandbox: Sandbox, kind: str, auth: dict[str, str] | None = None, **options: Any
) -> AsyncIterator[Connection]:
    """A connection that has not signed in yet; its waits take no time."""
    config = provider_pb2.ProviderConfig()
    config.CopyFrom(CONFIGS[kind](sandbox))
    config.max_retries = ATTEMPTS - 1
    config.options.update(options)
    keys = dict(config.auth) if auth is None else auth
    if kind == "aws" and auth is None:
        # A key needs no sign-in; a role does.
        keys["role_arn"] = sandbox.aws["role_arn"]
    secrets = {key: Secret(value) for key, value in keys.items()}
    settings = Settings(provider=kind, config=config, auth=secrets, clock=SkippingClock())
    PROVIDERS[kind].check(settings)
    connection = PROVIDERS[kind].connect(settings)
    try:
        yield connection
    finally:
        await connection.close()


@pytest.mark.parametrize("kind", CLOUDS)
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_failing_api_is_asked_as_often_as_there_are_attempts(sandbox: Sandbox, kind: str, fault: str) -> None:
    sandbox.reset(cloud=kind)
    sandbox.fault(IDENTIFY[kind], fault, count=100, cloud=kind)
    async with connected(sandbox, kind) as connection:
        with pytest.raises(Throttled if fault == "throttle" else Unavailable):
            await connection.identify(CALL)
    calls = sandbox.state(cloud=kind)["calls"]
    assert calls[IDENTIFY[kind]] == ATTEMPTS
    assert calls[SIGN_IN[kind]] == 1


@pytest.mark.parametrize("kind", CLOUDS)
@pytest.mark.parametrize("fault", FAULTS)
async def test_so_are_the_ways_of_calling_that_go_through_an_sdk(sandbox: Sandbox, kind: str, fault: str) -> None:
    sandbox.reset(cloud=kind)
    sandbox.seed(1, cloud=kind)
    async with connected(sandbox, kind) as connection:
        (compute,) = [area for area in connection.areas if isinstance(area, Compute)]
        (metrics,) = [area for area in connection.areas if isinstance(area, Metrics)]
        (instance,) = (await compute.list_instances(pb.ListInstancesRequest(), CALL)).instances
        get, read = pb.GetInstanceRequest(name=instance.name), Window(start=0.0, end=60.0, period=60.0)
        before = Counter(sandbox.state(cloud=kind)["calls"])
        for action in (GET[kind], READ[kind]):
            sandbox.fault(action, fault, count=ATTEMPTS, cloud=kind)
        with pytest.raises(Throttled if fault == "throttle" else Unavailable):
            await compute.get_instance(get, CALL)
        with pytest.raises(Throttled if fault == "throttle" else Unavailable):
            await metrics.collect(instance.region, [instance], ["cloud.instance.cpu.utilization"], read, CALL)
    sent = Counter(sandbox.state(cloud=kind)["calls"]) - before
    assert (sent[GET[kind]], sent[READ[kind]]) == (ATTEMPTS, ATTEMPTS)


@pytest.mark.parametrize(
    ("kind", "fault"),
    # Google's token service throttles with a 403, which stands for something else there.
    [(kind, fault) for kind in CLOUDS for fault in ("unavailable", "throttle") if (kind, fault) != ("gcp", "throttle")],
)
async def test_a_failing_token_service_is_asked_as_often_as_there_are_attempts(
    sandbox: Sandbox, kind: str, fault: str
) -> None:
    sandbox.reset(cloud=kind)
    sandbox.fault(SIGN_IN[kind], fault, count=100, cloud=kind)
    async with connected(sandbox, kind) as connection:
        with pytest.raises(Throttled if fault == "throttle" else Unavailable) as caught:
            await connection.identify(CALL)
    calls = sandbox.state(cloud=kind)["calls"]
    assert calls[SIGN_IN[kind]] == ATTEMPTS
    # Nobody can have acted on a call that never got its token.
    assert IDENTIFY[kind] not in calls
    assert not caught.value.sent


class MetadataServer:
    """A metadata server that cannot answer now, and counts who asks."""

    def __init__(self, status: int) -> None:
        self.asked = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked += 1
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "MetadataServer":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.mark.parametrize("kind", CLOUDS)
@pytest.mark.parametrize("status", [503, 429, 500])
async def test_so_is_a_metadata_server(
    sandbox: Sandbox, kind: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with MetadataServer(status) as server:
        options = {
            "aws": {},
            "azure": {"azure.imds_endpoint": f"http://{server.host}"},
            "gcp": {"gcp.metadata_host": server.host},
        }
        if kind == "aws":
            monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://{server.host}/keys")
        async with connected(sandbox, kind, {}, **options[kind]) as connection:
            with pytest.raises((Throttled, Unavailable)) as caught:
                await connection.identify(CALL)
        assert server.asked == ATTEMPTS
        assert not caught.value.sent
