"""What can only be read: subscriptions, regions, sizes and images."""

import re
from typing import Any

from novacron_sandbox.azure import catalog
from novacron_sandbox.azure.arm import KINDS
from novacron_sandbox.azure.errors import ArmError
from novacron_sandbox.azure.routes import Route
from novacron_sandbox.wire import Answer, Request

_LOCATION = re.compile(r"location eq '([^']*)'", re.IGNORECASE)
_DISKS = ("Standard_LRS", "StandardSSD_LRS", "Premium_LRS")
_VERSIONS = (
    "/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{location}/publishers/{publisher}"
    "/artifacttypes/vmimage/offers/{offer}/skus/{sku}/versions"
)


class Shelf:
    """The catalog of one subscription of a tenant."""

    def __init__(self, subscription: str, tenant: str) -> None:
        self._subscription, self._tenant = subscription, tenant

    def routes(self) -> list[Route]:
        """Return what is answered here."""
        root = "/subscriptions/{subscription}"
        return [
            Route("GET", "/subscriptions", "Subscriptions_List", self._subscriptions),
            Route("GET", root, "Subscriptions_Get", self._one),
            Route("GET", f"{root}/locations", "Subscriptions_ListLocations", self._locations),
            Route("GET", f"{root}/providers/{{namespace}}", "Providers_Get", self._provider),
            Route("GET", f"{root}/providers/Microsoft.Compute/skus", "ResourceSkus_List", self._skus),
            Route("GET", _VERSIONS, "VirtualMachineImages_List", self._images),
            Route("GET", f"{_VERSIONS}/{{version}}", "VirtualMachineImages_Get", self._image),
        ]

    def _subscriptions(self, request: Request, names: dict[str, str]) -> Answer:
        return Answer(200, {"value": [self._one(request, names).value]})

    def _one(self, request: Request, names: dict[str, str]) -> Answer:
        value = {
            "id": f"/subscriptions/{self._subscription}",
            "subscriptionId": self._subscription,
            "displayName": "NovaCron sandbox",
            "tenantId": self._tenant,
            "state": "Enabled",
            "subscriptionPolicies": {
                "locationPlacementId": "Public_2014-09-01",
                "quotaId": "PayAsYouGo_2014-09-01",
                "spendingLimit": "Off",
            },
            "authorizationSource": "RoleBased",
            "managedByTenants": [],
        }
        return Answer(200, value)

    def _locations(self, request: Request, names: dict[str, str]) -> Answer:
        return Answer(200, {"value": [catalog.location(self._subscription, name) for name in catalog.REGIONS]})

    def _provider(self, request: Request, names: dict[str, str]) -> Answer:
        types = [kind.type.partition("/") for kind in KINDS]
        displays = [display for display, _, _ in catalog.REGIONS.values()]
        value: dict[str, Any] = {
            "id": f"/subscriptions/{self._subscription}/providers/{names['namespace']}",
            "namespace": names["namespace"],
            "registrationState": "Registered",
            "resourceTypes": [
                {"resourceType": name, "locations": displays, "apiVersions": ["2024-07-01"]}
                for namespace, _, name in types
                if namespace.lower() == names["namespace"].lower()
            ],
        }
        if not value["resourceTypes"]:
            raise ArmError("InvalidResourceNamespace", f"The namespace '{names['namespace']}' is invalid.", 404)
        return Answer(200, value)

    def _skus(self, request: Request, names: dict[str, str]) -> Answer:
        wanted = _LOCATION.fullmatch(request.query.get("$filter", "").strip())
        if "$filter" in request.query and wanted is None:
            raise ArmError("InvalidFilter", "The filter is not supported: only location eq '...' is.")
        regions = [name for name in catalog.REGIONS if wanted is None or name == wanted[1].lower()]
        value = [catalog.disk_sku(name, region) for region in regions for name in _DISKS]
        value += [catalog.size_sku(size, region) for region in regions for size in catalog.SIZES.values()]
        return Answer(200, {"value": value})

    def _images(self, request: Request, names: dict[str, str]) -> Answer:
        wanted = self._wanted(names)
        found = sorted(
            (
                version
                for image, (_, _, versions) in catalog.IMAGES.items()
                for version in versions
                if [part.lower() for part in image] == [part.lower() for part in wanted]
            ),
            reverse=request.query.get("$orderby", "").lower() == "name desc",
        )
        if not found:
            raise ArmError("NotFound", "There is no such image.", 404)
        top = request.query.get("$top", "")
        return Answer(
            200, [self._entry(request.path, names, version) for version in found[: int(top) if top.isdigit() else None]]
        )

    def _image(self, request: Request, names: dict[str, str]) -> Answer:
        image = catalog.find_image(*self._wanted(names), names["version"])
        if image is None:
            raise ArmError("NotFound", f"Artifact: VMImage was not found at {request.path}.", 404)
        system, architecture, version = image
        entry = self._entry(request.path.rpartition("/")[0], names, version)
        entry["properties"] = {
            "hyperVGeneration": "V2",
            "architecture": architecture,
            "osDiskImage": {"operatingSystem": system},
            "dataDiskImages": [],
            "automaticOSUpgradeProperties": {"automaticOSUpgradeSupported": False},
        }
        return Answer(200, entry)

    def _wanted(self, names: dict[str, str]) -> tuple[str, str, str]:
        if names["location"].lower() not in catalog.REGIONS:
            message = f"The provided location '{names['location']}' is not available."
            raise ArmError("NoRegisteredProviderFound", message)
        return names["publisher"], names["offer"], names["sku"]

    def _entry(self, path: str, names: dict[str, str], version: str) -> dict[str, Any]:
        return {"id": f"{path}/{version}", "name": version, "location": names["location"]}
