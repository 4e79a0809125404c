"""The sandbox's Azure for the tests of this folder: what exists in the cloud is counted by Azure's own SDK."""

import time
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import pytest
import pytest_asyncio
from azure.core.credentials import AccessToken
from azure.identity import ClientSecretCredential
from azure.mgmt.compute import ComputeManagementClient
from novacron.cloud.v1 import compute_pb2, provider_pb2
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_providers.azure import PROVIDER
from novacron_providers.contract import Call, ScaledClock, Secret, Settings
from novacron_providers.contract.compute import Compute
from novacron_providers.contract.errors import (
    CloudError,
)
from novacron_providers.contract.metrics import Metrics
from novacron_providers.contract.provider import Connection
from novacron_sandbox import Sandbox

from tests.unit.providers.operation import Journal, MemoryOp

PARENT = "providers/azure"
GIB = 1 << 30
# Azure's own waits and periods, of a second and of a minute, pass at this speed.
RATE, ORIGIN = 20.0, time.time()
SIGN_IN = ("tenant_id", "client_id", "client_secret")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(clouds=("azure",), origin=ORIGIN, rate=RATE, boot_seconds=4) as sandbox:
        yield sandbox


@pytest.fixture(autouse=True)
def clean(sandbox: Sandbox) -> None:
    """Nothing from the test before."""
    sandbox.reset(cloud="azure")


def settings(sandbox: Sandbox, auth: Mapping[str, str] | None = None, **more: Any) -> Settings:
    azure = sandbox.azure
    config = provider_pb2.ProviderConfig(
        **{
            "project": azure["subscription_id"],
            "endpoint": azure["endpoint"],
            "regions": azure["regions"],
            "default_region": azure["regions"][0],
            **{key: value for key, value in more.items() if key != "options"},
        }
    )
    named = (
        "authority",
        "ca_file",
        "resource_group",
        "metrics_endpoint",
        "custom_metrics_endpoint",
        "logs_endpoint",
        "imds_endpoint",
    )
    config.options.update({f"azure.{name}": azure[name] for name in (*named, "workspace_id")})
    config.options.update(more.get("options", {}))
    keys = {key: azure[key] for key in SIGN_IN} if auth is None else auth
    secrets = {key: Secret(value) for key, value in keys.items()}
    made = Settings(provider="azure", config=config, auth=secrets, clock=ScaledClock(ORIGIN, RATE))
    PROVIDER.check(made)
    return made


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def connection(sandbox: Sandbox) -> AsyncIterator[Connection]:
    connection = PROVIDER.connect(settings(sandbox))
    yield connection
    await connection.close()


@pytest.fixture
def compute(connection: Connection) -> Compute:
    (area,) = [area for area in connection.areas if isinstance(area, Compute)]
    return area


@pytest.fixture
def metrics(connection: Connection) -> Metrics:
    (area,) = [area for area in connection.areas if isinstance(area, Metrics)]
    return area


def op(journal: Journal | None = None, *, interval: float = 1.0, **more: Any) -> MemoryOp:
    return MemoryOp(journal, clock=ScaledClock(ORIGIN, RATE), interval=interval, **more)


class Cloud:
    """What there is, by Azure's own SDK, never through our code."""

    def __init__(self, sandbox: Sandbox) -> None:
        azure = sandbox.azure
        identity = ClientSecretCredential(
            *(azure[key] for key in SIGN_IN),
            authority=azure["authority"],
            disable_instance_discovery=True,
            connection_verify=azure["ca_file"],
        )
        self.sdk = ComputeManagementClient(
            identity,
            azure["subscription_id"],
            base_url=azure["endpoint"],
            credential_scopes=[f"{azure['endpoint']}/.default"],
            connection_verify=azure["ca_file"],
        )
        self._root = f"/subscriptions/{azure['subscription_id']}"
        self._arm, self._token = self.sdk._client, identity.get_token(f"{azure['endpoint']}/.default")
        self._endpoint = azure["endpoint"]

    @property
    def token(self) -> AccessToken:
        return self._token

    def count(self) -> dict[str, int]:
        """Machines, disks, cards and addresses of the subscription."""
        kinds = ("Compute/virtualMachines", "Compute/disks", "Network/networkInterfaces", "Network/publicIPAddresses")
        return {kind.partition("/")[2]: len(self.all(kind)) for kind in kinds}

    def all(self, kind: str) -> list[Any]:
        from azure.core.rest import HttpRequest

        version = {"Compute/disks": "2024-03-02", "Compute/virtualMachines": "2024-07-01"}.get(kind, "2024-03-01")
        url = f"{self._endpoint}{self._root}/providers/Microsoft.{kind}?api-version={version}"
        answer = self._arm.send_request(HttpRequest("GET", url))
        answer.raise_for_status()
        found: list[Any] = answer.json()["value"]
        return found

    def close(self) -> None:
        self.sdk.close()


@pytest.fixture
def cloud(sandbox: Sandbox) -> Iterator[Cloud]:
    cloud = Cloud(sandbox)
    yield cloud
    cloud.close()


NOTHING = {"virtualMachines": 0, "disks": 0, "networkInterfaces": 0, "publicIPAddresses": 0}


def wanted(sandbox: Sandbox, **more: Any) -> pb.CreateInstanceRequest:
    spec = {"display_name": "web", "image": sandbox.azure["image"], "instance_type": "Standard_B2s", **more}
    return pb.CreateInstanceRequest(parent=PARENT, spec=compute_pb2.InstanceSpec(**spec))


async def create(compute: Compute, sandbox: Sandbox, **more: Any) -> compute_pb2.Instance:
    return await compute.create_instance(wanted(sandbox, **more), op())


async def fault_of(connection: Connection) -> CloudError | None:
    try:
        await connection.identify(Call())
    except CloudError as error:
        return error
    finally:
        await connection.close()
    return None
