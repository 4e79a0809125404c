"""What the subscription can choose from: regions, machine sizes and images."""

from typing import Any, NamedTuple

# Name, display name, geography, paired region.
REGIONS = {
    "westeurope": ("West Europe", "Netherlands", "northeurope"),
    "northeurope": ("North Europe", "Ireland", "westeurope"),
}
ZONES = ("1", "2", "3")


class Size(NamedTuple):
    """A machine size."""

    name: str
    family: str
    vcpus: int
    memory: float  # GiB
    architecture: str = "x64"
    gpus: int = 0
    disks: int = 4
    restricted: str = ""  # "Location": not for this subscription; "Zone": not in zone 3


_SIZES = (
    Size("Standard_B1s", "standardBSFamily", 1, 1, disks=2),
    Size("Standard_B2s", "standardBSFamily", 2, 4),
    Size("Standard_B2ms", "standardBSFamily", 2, 8),
    Size("Standard_B4ms", "standardBSFamily", 4, 16, disks=8),
    Size("Standard_D2s_v5", "standardDSv5Family", 2, 8),
    Size("Standard_D4s_v5", "standardDSv5Family", 4, 16, disks=8),
    Size("Standard_D8s_v5", "standardDSv5Family", 8, 32, disks=16),
    Size("Standard_D2ps_v5", "standardDPSv5Family", 2, 8, architecture="Arm64"),
    Size("Standard_E2s_v5", "standardESv5Family", 2, 16),
    Size("Standard_E4s_v5", "standardESv5Family", 4, 32, disks=8, restricted="Zone"),
    Size("Standard_F4s_v2", "standardFSv2Family", 4, 8, disks=8),
    Size("Standard_F8s_v2", "standardFSv2Family", 8, 16, disks=16),
    Size("Standard_NC6s_v3", "standardNCSv3Family", 6, 112, gpus=1, disks=12, restricted="Location"),
)
SIZES = {size.name.lower(): size for size in _SIZES}

# Publisher, offer, sku: operating system, architecture and versions, oldest first.
IMAGES: dict[tuple[str, str, str], tuple[str, str, tuple[str, ...]]] = {
    ("Canonical", "ubuntu-24_04-lts", "server"): ("Linux", "x64", ("24.04.202610010", "24.04.202611120")),
    ("Canonical", "ubuntu-24_04-lts", "server-arm64"): ("Linux", "Arm64", ("24.04.202611120",)),
    ("Debian", "debian-12", "12-gen2"): ("Linux", "x64", ("0.20261102.2283",)),
    ("MicrosoftWindowsServer", "WindowsServer", "2022-datacenter-azure-edition"): (
        "Windows",
        "x64",
        ("20348.4294.261104",),
    ),
}


def find_image(publisher: str, offer: str, sku: str, version: str) -> tuple[str, str, str] | None:
    """Return operating system, architecture and exact version of an image, names in any case; None: no such image."""
    for names, (system, architecture, versions) in IMAGES.items():
        if [name.lower() for name in names] == [publisher.lower(), offer.lower(), sku.lower()]:
            exact = versions[-1] if version.lower() == "latest" else version
            return (system, architecture, exact) if exact in versions else None
    return None


def size_sku(size: Size, region: str) -> dict[str, Any]:
    """Return a machine size as Microsoft.Compute/skus tells of it in a region."""
    capabilities = {
        "vCPUs": size.vcpus,
        "MemoryGB": size.memory,
        "CpuArchitectureType": size.architecture,
        "MaxDataDiskCount": size.disks,
        "MaxNetworkInterfaces": 2,
        "HyperVGenerations": "V1,V2",
        "PremiumIO": True,
        "AcceleratedNetworkingEnabled": size.vcpus > 1,
        "EphemeralOSDiskSupported": False,
        "vCPUsPerCore": 1 if size.architecture == "Arm64" else 2,
        "GPUs": size.gpus,
        "CapacityReservationSupported": not size.name.startswith("Standard_B"),
        "LowPriorityCapable": not size.name.startswith("Standard_B"),
        "ACUs": None if size.name.startswith("Standard_B") else 195,
    }
    if not size.gpus:
        del capabilities["GPUs"]
    restricted = {
        "type": size.restricted,
        "values": [region],
        "restrictionInfo": {"locations": [region], **({"zones": ["3"]} if size.restricted == "Zone" else {})},
        "reasonCode": "NotAvailableForSubscription",
    }
    return {
        "resourceType": "virtualMachines",
        "name": size.name,
        "tier": "Standard",
        "size": size.name.removeprefix("Standard_"),
        "family": size.family,
        "locations": [region],
        "locationInfo": [{"location": region, "zones": list(ZONES), "zoneDetails": []}],
        "capabilities": [
            {"name": name, "value": f"{value:g}" if isinstance(value, float) else str(value)}
            for name, value in capabilities.items()
            if value is not None
        ],
        "restrictions": [restricted] if size.restricted else [],
    }


def disk_sku(name: str, region: str) -> dict[str, Any]:
    """Return a kind of disk as Microsoft.Compute/skus tells of it in a region."""
    return {
        "resourceType": "disks",
        "name": name,
        "tier": name.partition("_")[0],
        "locations": [region],
        "locationInfo": [{"location": region, "zones": list(ZONES), "zoneDetails": []}],
        "capabilities": [{"name": "MaxSizeGiB", "value": "32767"}],
        "restrictions": [],
    }


def location(subscription: str, name: str) -> dict[str, Any]:
    """Return a region as subscriptions/locations tells of it."""
    display, geography, pair = REGIONS[name]
    return {
        "id": f"/subscriptions/{subscription}/locations/{name}",
        "name": name,
        "type": "Region",
        "displayName": display,
        "regionalDisplayName": f"(Europe) {display}",
        "metadata": {
            "regionType": "Physical",
            "regionCategory": "Recommended",
            "geography": geography,
            "geographyGroup": "Europe",
            "physicalLocation": geography,
            "longitude": "4.9",
            "latitude": "52.3667",
            "pairedRegion": [{"name": pair, "id": f"/subscriptions/{subscription}/locations/{pair}"}],
        },
        "availabilityZoneMappings": [{"logicalZone": zone, "physicalZone": f"{name}-az{zone}"} for zone in ZONES],
    }
