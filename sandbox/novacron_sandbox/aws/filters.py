"""Filters of DescribeInstances: names AWS knows, values with * and ?, any of the values, all of the filters."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.instances import Instance

_VALUES: Mapping[str, Callable[[Instance], Iterable[object]]] = {
    "architecture": lambda i: [i.architecture],
    "availability-zone": lambda i: [i.placement.zone],
    "client-token": lambda i: [i.client_token],
    "dns-name": lambda i: [i.public_dns_name],
    "image-id": lambda i: [i.image_id],
    "instance-id": lambda i: [i.id],
    "instance-lifecycle": lambda i: [i.lifecycle],
    "instance-state-code": lambda i: [i.state_code],
    "instance-state-name": lambda i: [i.state],
    "instance-type": lambda i: [i.instance_type],
    "instance.group-id": lambda i: [group.id for group in i.security_groups],
    "instance.group-name": lambda i: [group.name for group in i.security_groups],
    "ip-address": lambda i: [i.public_ip],
    "key-name": lambda i: [i.key_name],
    "launch-time": lambda i: [f"{i.launch_time:%Y-%m-%dT%H:%M:%S}.000Z"],
    "monitoring-state": lambda i: [i.monitoring_state],
    "owner-id": lambda i: [i.owner_id],
    "private-dns-name": lambda i: [i.private_dns_name],
    "private-ip-address": lambda i: [i.private_ip],
    "root-device-name": lambda i: [i.root_device_name],
    "subnet-id": lambda i: [i.subnet_id],
    "tag-key": lambda i: [tag["key"] for tag in i.get_tags()],
    "tag-value": lambda i: [tag["value"] for tag in i.get_tags()],
    "virtualization-type": lambda i: [i.virtualization_type],
    "vpc-id": lambda i: [i.vpc_id],
}


def matcher(filters: Sequence[Mapping[str, Any]]) -> Callable[[Instance], bool]:
    """Return what tells whether an instance passes all filters, each `{"Name": ..., "Values": [...]}`.

    Raises EC2ClientError InvalidParameterValue for a name that is none of EC2's.
    """
    tests = [(_values(str(f.get("Name", "null"))), _pattern(f.get("Values", ()))) for f in filters]
    return lambda instance: all(
        any(pattern.fullmatch(str(value)) for value in values(instance) if value is not None)
        for values, pattern in tests
    )


def _values(name: str) -> Callable[[Instance], Iterable[object]]:
    if name.startswith("tag:"):
        return lambda instance: [tag["value"] for tag in instance.get_tags() if tag["key"] == name[4:]]
    if name not in _VALUES:
        raise EC2ClientError("InvalidParameterValue", f"The filter '{name}' is invalid")
    return _VALUES[name]


def _pattern(values: Iterable[str]) -> "re.Pattern[str]":
    """One pattern for all values: * is any text, ? any character, a backslash takes the next one as it is."""
    alternatives = []
    for value in values:
        parts = re.findall(r"\\.|[*?]|[^*?\\]+|\\", value, re.DOTALL)
        alternatives.append(
            "".join({"*": ".*", "?": "."}.get(part, re.escape(part.removeprefix("\\"))) for part in parts)
        )
    return re.compile("|".join(f"(?:{text})" for text in alternatives) or r"(?!)", re.DOTALL)
