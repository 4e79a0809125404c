"""What DescribeInstances answers, as the SDK would read it, without the members that instances.py does not look at.

The SDK reads all members of an instance and takes most of the time of a list of many for it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from xml.parsers import expat

from novacron_providers.aws.layouts import Layouts, Place

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


_DOCUMENT = Place.of({_ROOT: ("Answer", _ANSWER)})
_PATH = ("reservationSet", "item", "instancesSet")
_layouts = Layouts(_ROOT, _DOCUMENT.places[_ROOT][2], _PATH)


def read(body: bytes) -> dict[str, Any] | None:
    """Read a good answer; None for what is none: the SDK finds out what it is.

    All instances may be in one reservation.
    """
    try:
        found = _layouts.read(body)
    except ValueError:
        found = None
    if found is None:
        return parsed(body)
    items, rest = found
    return {"Reservations": [{"Instances": items}], **rest}


def parsed(body: bytes) -> dict[str, Any] | None:
    """Read an answer of any form with a parser; None for what is no good answer.

    Without a tree, most of which nobody would look at: that takes half the time again.
    """
    found: dict[str, Any] = {}
    place: Place = _DOCUMENT
    into: Any = found
    around: list[tuple[Place, Any]] = []
    # How many elements are open that are a text, or of no interest.
    below = 0
    text = ""

    def begin(element: str, _: list[str]) -> None:
        nonlocal place, into, below, text
        if below:
            below += 1
        elif (inner := place.places.get(element)) is None:
            below, text = 1, ""
        else:
            around.append((place, into))
            name, make, place = inner
            made = make()
            if name:
                into[name] = made
            else:
                into.append(made)
            into = made

    def end(element: str) -> None:
        nonlocal place, into, below
        if not below:
            place, into = around.pop()
            return
        below -= 1
        if not below and (member := place.texts.get(element)) is not None:
            name, value = member
            into[name] = value(text)

    def characters(part: str) -> None:
        nonlocal text
        text += part

    parser = expat.ParserCreate()
    parser.buffer_text = parser.ordered_attributes = True
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = begin, end, characters
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, ValueError):
        return None
    return found.get("Answer")
