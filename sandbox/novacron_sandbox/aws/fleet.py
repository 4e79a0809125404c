"""A fleet that was there before: many instances at once, named, of several types and zones, with hours behind them."""

from datetime import UTC, datetime
from hashlib import blake2b

from novacron_sandbox.aws.instances import LivingBackend, Times

# (role, type, share of the fleet)
_ROLES = (
    ("web", "t3.medium", 6),
    ("api", "m5.large", 5),
    ("worker", "c5.xlarge", 4),
    ("cache", "r5.large", 2),
    ("db", "m5.2xlarge", 2),
    ("batch", "c6i.2xlarge", 1),
)
_ZONES = "abc"
_HISTORY = 3 * 3600.0
_DAY = 86400.0


def seed(ec2: LivingBackend, count: int, image: str) -> list[str]:
    """Create `count` running instances launched three hours to three days ago; returns their ids, in order."""
    line = [(role, kind) for role, kind, share in _ROLES for _ in range(share)]
    have = len(ec2.instances_by_id)
    ids = []
    for number in range(have, have + count):
        # A stride that shares no factor with the line mixes the roles.
        role, kind = line[number * 7 % len(line)]
        name = f"{role}-{number:03d}"
        made = ec2.run_instances(
            image,
            1,
            None,
            [],
            instance_type=kind,
            is_instance_type_default=False,
            placement=f"{ec2.region_name}{_ZONES[number % len(_ZONES)]}",
            region_name=ec2.region_name,
            tags={"instance": {"Name": name, "role": role, "env": ("prod", "prod", "staging")[number % 3]}},
            nics=[],
        )
        instance = ec2.get_instance(made.instances[0].id)
        age = _HISTORY + int.from_bytes(blake2b(name.encode(), digest_size=2).digest(), "big") / 65536 * 3 * _DAY
        launched = Times.clock.now() - age
        instance.launch_time = datetime.fromtimestamp(launched, UTC).replace(tzinfo=None)
        instance.launched = instance.booted = launched
        instance.life.change("pending", "running", seconds=Times.boot_seconds, at=launched - Times.boot_seconds)
        ids.append(instance.id)
    return ids
