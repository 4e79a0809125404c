"""Microsoft's own libraries against a sandbox, without retries, so that a test sees what the sandbox answered."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from azure.core.rest import AsyncHttpResponse, HttpRequest
from azure.identity.aio import ClientSecretCredential
from azure.mgmt.compute.aio import ComputeManagementClient
from novacron_sandbox import Sandbox

NETWORK_VERSION = "2024-03-01"


def entra(sandbox: Sandbox) -> dict[str, Any]:
    """What every credential of azure-identity needs to find the sandbox's authority."""
    return {
        "authority": sandbox.azure["authority"],
        "disable_instance_discovery": True,
        "connection_verify": sandbox.azure["ca_file"],
    }


def arm(sandbox: Sandbox) -> dict[str, Any]:
    """What every management client needs to find the sandbox's Resource Manager."""
    endpoint = sandbox.azure["endpoint"]
    return {
        "base_url": endpoint,
        "credential_scopes": [f"{endpoint}/.default"],
        "connection_verify": sandbox.azure["ca_file"],
        "polling_interval": 0.05,
        "retry_total": 0,
    }


class Subscription:
    """The sandbox's subscription through azure-mgmt-compute and, where there is no SDK, azure-core's ARM pipeline."""

    def __init__(self, sandbox: Sandbox, credential: Any) -> None:
        self.sandbox, self.credential = sandbox, credential
        # Bodies are plain JSON here, which the SDK takes and its annotations do not say.
        self.compute: Any = ComputeManagementClient(credential, sandbox.azure["subscription_id"], **arm(sandbox))
        self.root = f"/subscriptions/{sandbox.azure['subscription_id']}"
        self.group = f"{self.root}/resourceGroups/{sandbox.azure['resource_group']}"

    async def send(
        self, method: str, path: str, body: Any = None, *, version: str = NETWORK_VERSION, **headers: str
    ) -> AsyncHttpResponse:
        """Send a request to a path or to a link of the sandbox's; the answer is returned whatever its status."""
        given = "?" in path or not version
        url = path if path.startswith("https://") else self.sandbox.azure["endpoint"] + path
        parameters = {} if given else {"api-version": version}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = HttpRequest(method, url, params=parameters, json=body, headers=named)
        answer: AsyncHttpResponse = await self.compute._client.send_request(request)
        return answer

    async def interface(self, name: str, *, public: bool = True, region: str = "westeurope") -> str:
        """Make a network interface, its network if there is none, and a public address; returns its id."""
        place = f"{self.group}/providers/Microsoft.Network"
        network = f"{place}/virtualNetworks/network-{region}"
        subnets = [{"name": "default", "properties": {"addressPrefix": "10.0.0.0/24"}}]
        wanted = {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": subnets}
        await self._put(network, {"location": region, "properties": wanted})
        configuration: dict[str, Any] = {"subnet": {"id": f"{network}/subnets/default"}}
        if public:
            address = f"{place}/publicIPAddresses/{name}-ip"
            properties = {"publicIPAllocationMethod": "Static"}
            await self._put(address, {"location": region, "sku": {"name": "Standard"}, "properties": properties})
            configuration["publicIPAddress"] = {"id": address, "properties": {"deleteOption": "Delete"}}
        interface = f"{place}/networkInterfaces/{name}-nic"
        body = {"ipConfigurations": [{"name": "ipconfig1", "properties": configuration}]}
        await self._put(interface, {"location": region, "properties": body})
        return interface

    async def _put(self, path: str, body: dict[str, Any]) -> None:
        answer = await self.send("PUT", path, body)
        answer.raise_for_status()

    async def create(self, name: str, **changes: Any) -> Any:
        """Make a machine with an interface of its own and return it when it runs."""
        machine = wanted(await self.interface(name), name)
        machine["properties"] |= changes
        poller = await self.compute.virtual_machines.begin_create_or_update("novacron", name, machine)
        return await poller.result()

    async def power(self, name: str) -> str:
        """Return the power state of a machine."""
        view = await self.compute.virtual_machines.instance_view("novacron", name)
        return next(str(s.code) for s in view.statuses if s.code.startswith("PowerState/"))


def wanted(interface: str, name: str = "machine") -> dict[str, Any]:
    """The body of a machine that goes with all that is made for it."""
    image = {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest"}
    return {
        "location": "westeurope",
        "tags": {"Name": name},
        "properties": {
            "hardwareProfile": {"vmSize": "Standard_B2s"},
            "storageProfile": {
                "imageReference": image,
                "osDisk": {"createOption": "FromImage", "deleteOption": "Delete"},
            },
            "osProfile": {"computerName": name, "adminUsername": "azureuser", "adminPassword": "Sandbox-1-secret"},
            "networkProfile": {"networkInterfaces": [{"id": interface, "properties": {"deleteOption": "Delete"}}]},
        },
    }


@asynccontextmanager
async def subscription(sandbox: Sandbox) -> AsyncIterator[Subscription]:
    """The sandbox's subscription, for its application with its secret."""
    access = sandbox.azure
    keys = (access["tenant_id"], access["client_id"], access["client_secret"])
    async with ClientSecretCredential(*keys, **entra(sandbox)) as credential:
        opened = Subscription(sandbox, credential)
        async with opened.compute:
            yield opened
