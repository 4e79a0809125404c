"""What can only be read: subscriptions, regions, sizes and images."""

import re
from collections.abc import Iterable
from typing import Any

from novacron_sandbox.azure import catalog
from novacron_sandbox.azure.arm import KINDS
from novacron_sandbox.azure.errors import ArmError
from novacron_sandbox.azure.routes import Route
from novacron_sandbox.wire import Answer, Request

_LOCATION = re.compile(r"location eq '([^']*)'", re.IGNORECASE)
_DISKS = ("Standard_LRS", "StandardSSD_LRS", "Premium_LRS")
_IMAGES = ("publishers", "artifacttypes/vmimage/offers", "skus", "versions")


class Shelf:
    """The catalog of one subscription of a tenant."""

    def __init__(self, subscription: str, tenant: str) -> None:
        self._subscription, self._tenant = subscription, tenant

    def routes(self) -> list[Route]:
        """Return what is answered here."""
        root = "/subscriptions/{subscription}"
        found = [
            Route("GET", "/subscriptions", "Subscriptions_List", self._subscriptions),
            Route("GET", root, "Subscriptions_Get", self._one),
            Route("GET", f"{root}/locations", "Subscriptions_ListLocations", self._locations),
            Route("GET", f"{root}/providers/{{namespace}}", "Providers_Get", self._provider),
            Route("GET", f"{root}/providers/Microsoft.Compute/skus", "ResourceSkus_List", self._skus),
        ]
        path = f"{root}/providers/Microsoft.Compute/locations/{{location}}"
        for level, name in enumerate(_IMAGES):
            path += f"/{name}"
            operation = ("ListPublishers", "ListOffers", "ListSkus", "List")[level]
            found.append(Route("GET", path, f"VirtualMachineImages_{operation}", self._images))
            path += f"/{{image{level}}}"
        found.append(Route("GET", path, "VirtualMachineImages_Get", self._image))
        return found

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
        self._check_location(names)
        above = [names[f"image{level}"].lower() for level in range(len(_IMAGES)) if f"image{level}" in names]
        found: list[str] = []
        for image, (_, _, versions) in catalog.IMAGES.items():
            line = [image] if len(above) < 3 else [(*image, version) for version in versions]
            found += [parts[len(above)] for parts in line if [part.lower() for part in parts[: len(above)]] == above]
        if not found:
            raise ArmError("NotFound", "There is no such image.", 404)
        return Answer(200, [self._entry(request, names, name) for name in dict.fromkeys(_newest(request, found))])

    def _image(self, request: Request, names: dict[str, str]) -> Answer:
        self._check_location(names)
        image = catalog.find_image(*(names[f"image{level}"] for level in range(len(_IMAGES))))
        if image is None:
            raise ArmError("NotFound", f"Artifact: VMImage was not found at {request.path}.", 404)
        system, architecture, version = image
        entry = self._entry(request, names, version)
        entry["id"] = request.path.rpartition("/")[0] + f"/{version}"
        entry["properties"] = {
            "hyperVGeneration": "V2",
            "architecture": architecture,
            "osDiskImage": {"operatingSystem": system},
            "dataDiskImages": [],
            "automaticOSUpgradeProperties": {"automaticOSUpgradeSupported": False},
        }
        return Answer(200, entry)

    def _check_location(self, names: dict[str, str]) -> None:
        if names["location"].lower() not in catalog.REGIONS:
            message = f"The provided location '{names['location']}' is not available."
            raise ArmError("NoRegisteredProviderFound", message)

    def _entry(self, request: Request, names: dict[str, str], name: str) -> dict[str, Any]:
        return {"id": f"{request.path}/{name}", "name": name, "location": names["location"]}


def _newest(request: Request, names: list[str]) -> Iterable[str]:
    """Order and cut as asked by $orderby and $top."""
    if request.query.get("$orderby", "").lower() == "name desc":
        names = sorted(names, reverse=True)
    top = request.query.get("$top", "")
    return names[: int(top)] if top.isdigit() else names
