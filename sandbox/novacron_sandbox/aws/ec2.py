"""EC2's answers where moto's are not AWS's: pages, states, filters, regions."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import moto.core.responses
import moto.ec2.models.instances
import moto.ec2.urls
from moto.core.common_types import TYPE_RESPONSE
from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError, InvalidInstanceTypeError
from moto.ec2.models import ec2_backends
from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS
from moto.ec2.models.instances import Instance, InstanceState, Reservation
from moto.ec2.responses import EC2Response

from novacron_sandbox.aws.filters import matcher
from novacron_sandbox.aws.instances import LivingBackend, LivingInstance, Times
from novacron_sandbox.aws.pages import limit_of, page
from novacron_sandbox.aws.picker import Picker
from novacron_sandbox.clock import Clock

REGIONS = ("us-east-1", "eu-west-1")

# Seconds that the lists of the call under way are behind.
_behind: ContextVar[float] = ContextVar("behind", default=0.0)


class Ec2(EC2Response):
    """Actions of EC2 that moto gets wrong; it answers the others."""

    def call_action(self) -> TYPE_RESPONSE:
        try:
            return super().call_action()
        except NotImplementedError as gap:
            # The only word for a filter that a Describe of moto does not know.
            if "filter" not in str(gap).lower():
                raise
            return self.serialized(
                ActionResult(EC2ClientError("InvalidParameterValue", f"The filter is invalid: {gap}"))
            )

    def run_instances(self) -> ActionResult:
        # AWS launches as many as it can up to MaxCount, moto only MinCount.
        self.params["MinCount"] = self._get_param("MaxCount")
        return super().run_instances()

    def describe_instances(self) -> ActionResult:
        self.error_on_dryrun()
        ids, limit = self._get_param("InstanceIds", []), self._get_param("MaxResults")
        if ids and limit is not None:
            raise EC2ClientError(
                "InvalidParameterCombination",
                "The parameter instancesSet cannot be used with the parameter maxResults",
            )
        filters = self._get_param("Filters", [])
        passes = matcher(filters)
        known = self.ec2_backend.instances_by_id.values()
        chosen = self.ec2_backend.get_multi_instances_by_id(ids) if ids else known
        found, following = page(
            sorted((i for i in chosen if not i.gone and passes(i) and (ids or i.age >= _behind.get())), key=_number),
            _number,
            limit=limit_of(limit, lowest=5, highest=1000, default=1000),
            token=self._get_param("NextToken"),
            query=[[f.get("Name"), f.get("Values")] for f in filters],
        )
        return ActionResult({"Reservations": self._by_reservation(found), "NextToken": following})

    def describe_instance_types(self) -> ActionResult:
        self.error_on_dryrun()
        names, limit = self._get_param("InstanceTypes", []), self._get_param("MaxResults")
        if names and limit is not None:
            raise EC2ClientError(
                "InvalidParameterCombination",
                "The parameter InstanceTypes cannot be used with the parameter MaxResults",
            )
        offered = {offer["InstanceType"] for offer in INSTANCE_TYPE_OFFERINGS["region"].get(self.region, ())}
        if missing := set(names) - offered:
            raise InvalidInstanceTypeError(sorted(missing), error_type="InvalidInstanceType")
        filters = self._filters_from_querystring()
        kinds = [kind for kind in self.ec2_backend.describe_instance_types(names, filters) if kind.name in offered]
        found, following = page(
            sorted(kinds, key=_name),
            _name,
            limit=limit_of(limit, lowest=5, highest=100, default=100),
            token=self._get_param("NextToken"),
            query=filters,
        )
        return ActionResult({"InstanceTypes": found, "NextToken": following})

    def start_instances(self) -> ActionResult:
        self.error_on_dryrun()
        return _changes("StartingInstances", self.ec2_backend.start_instances(self._get_param("InstanceIds", [])))

    def stop_instances(self) -> ActionResult:
        self.error_on_dryrun()
        return _changes("StoppingInstances", self.ec2_backend.stop_instances(self._get_param("InstanceIds", [])))

    def terminate_instances(self) -> ActionResult:
        self.error_on_dryrun()
        return _changes(
            "TerminatingInstances", self.ec2_backend.terminate_instances(self._get_param("InstanceIds", []))
        )

    def describe_regions(self) -> ActionResult:
        self.error_on_dryrun()
        names = self._get_param("RegionNames", [])
        regions = [
            {
                "RegionName": region.name,
                "Endpoint": region.endpoint,
                "OptInStatus": "opt-in-not-required" if region.name in REGIONS else "not-opted-in",
            }
            for region in self.ec2_backend.describe_regions()
            if not names or region.name in names
        ]
        if unknown := set(names) - {region["RegionName"] for region in regions}:
            raise EC2ClientError("InvalidParameterValue", f"Invalid region provided: {', '.join(sorted(unknown))}")
        every = self._get_bool_param("AllRegions", False) or names
        return ActionResult({"Regions": [r for r in regions if every or r["OptInStatus"] != "not-opted-in"]})

    def _parse_block_device_mapping(self) -> list[dict[str, Any]]:
        mappings = super()._parse_block_device_mapping()
        for mapping, asked in zip(mappings, self._get_param("BlockDeviceMappings", []), strict=True):
            mapping["Ebs"]["Throughput"] = asked.get("Ebs", {}).get("Throughput")
        return mappings

    def _by_reservation(self, instances: Iterable[LivingInstance]) -> list[Reservation]:
        wanted: dict[str, list[Instance]] = {}
        for instance in instances:
            wanted.setdefault(instance.reservation_id, []).append(instance)
        shown = []
        for number, members in wanted.items():
            whole = self.ec2_backend.reservations[number]
            part = Reservation(whole.id, whole.owner_id)
            part.groups, part.instances = whole.groups, members
            shown.append(part)
        return shown


@contextmanager
def lagging(seconds: float) -> Iterator[None]:
    """Answer calls as EC2 does while news of the last `seconds` have not reached its lists."""
    before = _behind.set(seconds)
    try:
        yield
    finally:
        _behind.reset(before)


def install(clock: Clock, boot_seconds: float) -> None:
    """Have moto use these classes and this clock for EC2; to be called once, before its first request."""
    Times.clock, Times.boot_seconds = clock, boot_seconds
    for module in [module for name, module in sys.modules.items() if name.startswith("moto.ec2.")]:
        if hasattr(module, "utcnow"):
            module.__dict__["utcnow"] = clock.utc
    moto.ec2.models.instances.__dict__["Instance"] = LivingInstance
    moto.core.responses.__dict__["XFormedAttributePicker"] = Picker
    moto.ec2.urls.url_paths = {"{0}/": Ec2.dispatch}
    ec2_backends.backend = LivingBackend


def backend(account: str, region: str) -> LivingBackend:
    """Return the EC2 of an account and region."""
    found = ec2_backends[account][region]
    assert isinstance(found, LivingBackend)
    return found


def _changes(name: str, changed: Sequence[tuple[Instance, InstanceState]]) -> ActionResult:
    return ActionResult(
        {
            name: [
                {"InstanceId": instance.id, "CurrentState": instance.instance_state, "PreviousState": before}
                for instance, before in changed
            ]
        }
    )


def _number(instance: LivingInstance) -> int:
    return instance.number


def _name(kind: Any) -> str:
    return str(kind.name)
