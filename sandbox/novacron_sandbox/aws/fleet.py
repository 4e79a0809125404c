"""The fleet of AWS: instances of several types and zones."""

from datetime import UTC, datetime

from novacron_sandbox.aws.instances import LivingBackend, Times
from novacron_sandbox.fleet import members

_TYPES = {
    "web": "t3.medium",
    "api": "m5.large",
    "worker": "c5.xlarge",
    "cache": "r5.large",
    "db": "m5.2xlarge",
    "batch": "c6i.2xlarge",
}
_ZONES = "abc"


def seed(ec2: LivingBackend, count: int, image: str) -> list[str]:
    """Create `count` running instances launched three hours to three days ago; returns their ids, in order."""
    ids = []
    # A subnet says the zone as well; for a zone by name, and for a type, moto walks through all that AWS offers.
    subnets = {zone: subnet.id for zone, subnet in ec2.get_default_subnets().items()}
    for number, name, kind, labels, age in members(_TYPES, len(ec2.instances_by_id), count):
        made = ec2.run_instances(
            image,
            1,
            None,
            [],
            instance_type=kind,
            is_instance_type_default=True,
            subnet_id=subnets[f"{ec2.region_name}{_ZONES[number % len(_ZONES)]}"],
            region_name=ec2.region_name,
            tags={"instance": {"Name": name, **labels}},
            nics=[],
        )
        instance = ec2.get_instance(made.instances[0].id)
        launched = Times.clock.now() - age
        instance.launch_time = datetime.fromtimestamp(launched, UTC).replace(tzinfo=None)
        instance.launched = instance.booted = launched
        instance.life.change("pending", "running", seconds=Times.boot_seconds, at=launched - Times.boot_seconds)
        ids.append(instance.id)
    return ids
