"""What a project finds there before it makes anything: places, machine types, images, a network."""

import re
from typing import Any, NamedTuple

from novacron_sandbox.gcp.errors import invalid
from novacron_sandbox.gcp.resources import ROOT, Resource, Store

PROJECT = "novacron-sandbox"
PROJECT_NUMBER = "618033988749"
ZONES = {"us-central1": "abcf", "europe-west1": "bcd"}
REGIONS = tuple(ZONES)
IMAGE = "projects/debian-cloud/global/images/family/debian-12"
KEPT = ("zones", "regions", "machineTypes", "diskTypes")

_BORN = 1_400_000_000.0
_SIZES = (2, 4, 8, 16, 32)


class Family(NamedTuple):
    """A family of machine types: its shapes as (name, memory in MiB for each vCPU), and where it is not."""

    shapes: tuple[tuple[str, int], ...]
    sizes: tuple[int, ...] = _SIZES
    architecture: str = "X86_64"
    missing: tuple[str, ...] = ()


_SHAPES = (("standard", 4096), ("highmem", 8192), ("highcpu", 1024))
_FAMILIES = {
    "e2": Family(_SHAPES, _SIZES[:4]),
    "n2": Family(_SHAPES),
    "n2d": Family(_SHAPES, missing=("europe-west1-c",)),
    "c2": Family((("standard", 4096),), (4, 8, 16, 30, 60), missing=("europe-west1-d",)),
    "t2a": Family((("standard", 4096),), (1, 2, 4, 8, 16), "ARM64", ("us-central1-c", "europe-west1-b")),
}
# name: (vCPUs, MiB); they share a core with others.
_SHARED = {"e2-micro": (2, 1024), "e2-small": (2, 2048), "e2-medium": (2, 4096), "f1-micro": (1, 614)}
_CUSTOM = re.compile(r"(?:(e2|n1|n2|n2d)-)?custom-(\d+)-(\d+)(?:-ext)?")
# (project, family, name, architecture, GiB, license)
_IMAGES = (
    ("debian-cloud", "debian-12", "debian-12-bookworm-v20261013", "X86_64", 10, "debian-12-bookworm"),
    ("debian-cloud", "debian-12", "debian-12-bookworm-v20261110", "X86_64", 10, "debian-12-bookworm"),
    ("debian-cloud", "debian-12-arm64", "debian-12-bookworm-arm64-v20261110", "ARM64", 10, "debian-12-bookworm"),
    ("ubuntu-os-cloud", "ubuntu-2404-lts-amd64", "ubuntu-2404-noble-amd64-v20261105", "X86_64", 10, "ubuntu-2404-lts"),
)


def fill(store: Store) -> None:
    """Put all that into the store, where it is not yet."""
    for region, letters in ZONES.items():
        link = f"{ROOT}projects/{PROJECT}/regions/{region}"
        zones = [f"{region}-{letter}" for letter in letters]
        store.new(f"projects/{PROJECT}/regions/{region}", _region(zones), at=_BORN)
        for zone in zones:
            store.new(f"projects/{PROJECT}/zones/{zone}", {"description": zone, "region": link}, at=_BORN)
            for body in _machine_types(zone):
                store.new(f"projects/{PROJECT}/zones/{zone}/machineTypes/{body['name']}", body, at=_BORN)
            for name in ("pd-standard", "pd-balanced", "pd-ssd"):
                body = {"description": name, "defaultDiskSizeGb": "100", "validDiskSize": "10GB-65536GB"}
                store.new(f"projects/{PROJECT}/zones/{zone}/diskTypes/{name}", body, at=_BORN)
    fill_project(store)


def fill_project(store: Store) -> None:
    """Put in the images and the default network, which a project may change."""
    for project, family, name, architecture, size, license_name in _IMAGES:
        body = {
            "family": family,
            "architecture": architecture,
            "diskSizeGb": str(size),
            "archiveSizeBytes": str(size << 28),
            "sourceType": "RAW",
            "licenses": [f"{ROOT}projects/{project}/global/licenses/{license_name}"],
            "guestOsFeatures": [{"type": "UEFI_COMPATIBLE"}, {"type": "GVNIC"}],
        }
        store.new(f"projects/{project}/global/images/{name}", body, at=_BORN)
    network = store.new(f"projects/{PROJECT}/global/networks/default", {"autoCreateSubnetworks": True}, at=_BORN)
    network.body["subnetworks"] = [
        store.new(
            f"projects/{PROJECT}/regions/{region}/subnetworks/default",
            {"network": network.body["selfLink"], "ipCidrRange": cidr, "gatewayAddress": cidr.replace("0/20", "1")},
            at=_BORN,
        ).body["selfLink"]
        for region, cidr in zip(ZONES, ("10.128.0.0/20", "10.132.0.0/20"), strict=True)
    ]


def project() -> dict[str, Any]:
    """The project itself."""
    return {
        "kind": "compute#project",
        "id": PROJECT_NUMBER,
        "name": PROJECT,
        "creationTimestamp": "2014-05-13T16:53:20.000+00:00",
        "selfLink": f"{ROOT}projects/{PROJECT}",
        "defaultServiceAccount": f"{PROJECT_NUMBER}-compute@developer.gserviceaccount.com",
        "commonInstanceMetadata": {"kind": "compute#metadata", "fingerprint": "42WmSpB8rSM="},
        "quotas": [{"metric": "NETWORKS", "limit": 5.0, "usage": 1.0}],
        "xpnProjectStatus": "UNSPECIFIED_XPN_PROJECT_STATUS",
    }


def machine_type(store: Store, place: str, name: str) -> dict[str, Any] | None:
    """Return a machine type of a place ("projects/p/zones/z"), also one made to measure ("e2-custom-2-4096"), or None.

    Raises GoogleError invalid for measures that no machine has.
    """
    found: Resource | None = store.find(f"{place}/machineTypes/{name}")
    if found is not None:
        return found.view()
    custom = _CUSTOM.fullmatch(name)
    if custom is None:
        return None
    vcpus, memory = int(custom[2]), int(custom[3])
    if vcpus < 1 or (vcpus > 1 and vcpus % 2):
        raise invalid("resource.machineType", name, "Number of CPUs should be 1 or even.")
    if memory % 256 or not 512 <= memory / vcpus <= 8192:
        raise invalid("resource.machineType", name, "Memory should be a multiple of 256MiB, 0.5 to 8 GiB for each CPU.")
    zone = place.rpartition("/")[2]
    body = _machine_type(name, zone, vcpus, memory, description="Custom created machine type.")
    return {"kind": "compute#machineType", "selfLink": f"{ROOT}{place}/machineTypes/{name}", **body}


def _region(zones: list[str]) -> dict[str, Any]:
    limits = {"CPUS": 72.0, "INSTANCES": 6000.0, "DISKS_TOTAL_GB": 204800.0, "STATIC_ADDRESSES": 8.0}
    return {
        "description": zones[0][:-2],
        "quotas": [{"metric": metric, "limit": limit, "usage": 0.0} for metric, limit in limits.items()],
        "zones": [f"{ROOT}projects/{PROJECT}/zones/{zone}" for zone in zones],
    }


def _machine_types(zone: str) -> list[dict[str, Any]]:
    found = [_machine_type(name, zone, *size, isSharedCpu=True) for name, size in _SHARED.items()]
    for family, (shapes, sizes, architecture, missing) in _FAMILIES.items():
        if zone not in missing:
            found += [
                _machine_type(f"{family}-{shape}-{vcpus}", zone, vcpus, vcpus * memory, architecture=architecture)
                for shape, memory in shapes
                for vcpus in sizes
            ]
    return found


def _machine_type(name: str, zone: str, vcpus: int, memory: int, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "description": f"{vcpus} vCPUs, {memory / 1024:g} GB RAM",
        "guestCpus": vcpus,
        "memoryMb": memory,
        "imageSpaceGb": 0,
        "maximumPersistentDisks": 128,
        "maximumPersistentDisksSizeGb": "263168",
        "zone": zone,
        "isSharedCpu": False,
        "architecture": "X86_64",
        **more,
    }
