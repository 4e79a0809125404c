"""What DescribeInstances answers, as the SDK would read it, without the members that instances.py does not look at.

The SDK reads all members of an instance and takes most of the time of a list of many for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any
from xml.etree import ElementTree

_ROOT = "DescribeInstancesResponse"
# By element: the SDK's name of the member, and what is in it: a text, something made of its text, a structure, or a
# list of structures.
_ATTACHMENT = {"attachTime": ("AttachTime", datetime.fromisoformat), "deviceIndex": ("DeviceIndex", int)}
_ASSOCIATION = {"publicIp": ("PublicIp", str)}
_ADDRESS = {
    "privateIpAddress": ("PrivateIpAddress", str),
    "association": ("Association", _ASSOCIATION),
}
_INSTANCE = {
    "instanceId": ("InstanceId", str),
    "instanceState": ("State", {"name": ("Name", str)}),
    "stateReason": ("StateReason", {"code": ("Code", str), "message": ("Message", str)}),
    "reason": ("StateTransitionReason", str),
    "instanceType": ("InstanceType", str),
    "imageId": ("ImageId", str),
    "architecture": ("Architecture", str),
    "instanceLifecycle": ("InstanceLifecycle", str),
    "launchTime": ("LaunchTime", datetime.fromisoformat),
    "placement": ("Placement", {"availabilityZone": ("AvailabilityZone", str)}),
    "ipAddress": ("PublicIpAddress", str),
    "privateIpAddress": ("PrivateIpAddress", str),
    "rootDeviceName": ("RootDeviceName", str),
    "cpuOptions": ("CpuOptions", {"coreCount": ("CoreCount", int), "threadsPerCore": ("ThreadsPerCore", int)}),
    "groupSet": ("SecurityGroups", [{"groupId": ("GroupId", str)}]),
    "tagSet": ("Tags", [{"key": ("Key", str), "value": ("Value", str)}]),
    "blockDeviceMapping": (
        "BlockDeviceMappings",
        [
            {
                "deviceName": ("DeviceName", str),
                "ebs": ("Ebs", {"volumeId": ("VolumeId", str), "attachTime": ("AttachTime", datetime.fromisoformat)}),
            }
        ],
    ),
    "networkInterfaceSet": (
        "NetworkInterfaces",
        [
            {
                "vpcId": ("VpcId", str),
                "subnetId": ("SubnetId", str),
                "macAddress": ("MacAddress", str),
                "attachment": ("Attachment", _ATTACHMENT),
                "privateIpAddressesSet": ("PrivateIpAddresses", [_ADDRESS]),
                **_ADDRESS,
            }
        ],
    ),
}
_ANSWER = {
    "reservationSet": ("Reservations", [{"instancesSet": ("Instances", [_INSTANCE])}]),
    "nextToken": ("NextToken", str),
    "requestId": ("RequestId", str),
}


def read(body: bytes) -> dict[str, Any] | None:
    """Read a good answer; None for what is none: the SDK finds out what it is."""
    try:
        root = ElementTree.fromstring(body)
        space, _, name = root.tag.rpartition("}")
        return _structure(root, _members(f"{space}}}" if space else "")) if name == _ROOT else None
    except (ElementTree.ParseError, ValueError):
        return None


def _structure(node: Iterable[ElementTree.Element], members: Mapping[str, tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for child in node:
        if child.tag in members:
            name, kind = members[child.tag]
            if kind is str:
                found[name] = child.text or ""
            elif type(kind) is dict:
                found[name] = _structure(child, kind)
            elif type(kind) is list:
                found[name] = [_structure(item, kind[0]) for item in child]
            else:
                found[name] = kind(child.text)
    return found


@lru_cache(maxsize=4)
def _members(space: str) -> dict[str, tuple[str, Any]]:
    """The members of an answer whose elements are in a namespace: "{http://ec2.amazonaws.com/doc/2016-11-15/}"."""

    def put(kind: Any) -> Any:
        match kind:
            case dict():
                return {f"{space}{element}": (name, put(inner)) for element, (name, inner) in kind.items()}
            case list():
                return [put(kind[0])]
            case _:
                return kind

    members: dict[str, tuple[str, Any]] = put(_ANSWER)
    return members
