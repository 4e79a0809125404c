"""EC2 instances with lives of their own: they take time to start, stop and end, and refuse what AWS refuses."""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import moto.ec2.urls
from moto.ec2.exceptions import EC2ClientError, InvalidInstanceIdError, InvalidInstanceTypeError
from moto.ec2.models import EC2Backend
from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.models.instances import Instance, InstanceState, Reservation

from novacron_sandbox.clock import Clock
from novacron_sandbox.life import Life

CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}

# A terminated instance is still shown for about an hour.
_SHOWN_SECONDS = 3600.0

_GP3_THROUGHPUT = 125


class Times:
    """What every instance of this process goes by: the sandbox's clock and how long a boot takes."""

    clock = Clock()
    boot_seconds = 0.0


class LivingInstance(Instance):
    """An instance whose state is read from its life."""

    _numbers = itertools.count(1)

    def __init__(self, ec2_backend: Any, *arguments: Any, **options: Any) -> None:
        self.life = Life(Times.clock)
        self.life.change("pending", "running", seconds=Times.boot_seconds)
        self.launched = Times.clock.now()
        self.booted = self.launched + Times.boot_seconds
        super().__init__(ec2_backend, *arguments, **options)
        self.number = next(self._numbers)
        self.reservation_id = ""
        self.launch_time = Times.clock.utc()
        ec2_backend.instances_by_id[self.id] = self

    @property
    def _state(self) -> InstanceState:
        return InstanceState(self.life.state, CODES[self.life.state])

    @_state.setter
    def _state(self, state: InstanceState) -> None:
        """Moto sets states at once; the life decides."""

    @property
    def instance_status(self) -> dict[str, Any]:
        status = super().instance_status
        if status["Status"] == "ok" and Times.clock.now() < self.booted + Times.boot_seconds:
            return {"Details": [{"Name": "reachability", "Status": "initializing"}], "Status": "initializing"}
        return status

    @property
    def age(self) -> float:
        """Seconds since it was launched."""
        return Times.clock.now() - self.launched

    @property
    def gone(self) -> bool:
        """Whether it ended so long ago that EC2 knows it no more."""
        return self.state == "terminated" and Times.clock.now() - self.life.since > _SHOWN_SECONDS

    @property
    def vcpus(self) -> int:
        """Of its type."""
        kind = INSTANCE_TYPES.get(self.instance_type)
        return int(kind["VCpuInfo"]["DefaultVCpus"]) if kind else 1

    @property
    def workload(self) -> str:
        """What the world knows it by: its tag novacron-workload, so that two clouds can do the same, or its id."""
        tags: dict[str, str] = self.ec2_backend.tags.get(self.id, {})
        return tags.get("novacron-workload") or self.id

    def get_tags(self) -> list[dict[str, str]]:
        # moto walks through the tags of everything for those of one.
        tags: dict[str, str] = self.ec2_backend.tags.get(self.id, {})
        common = {"resource_id": self.id, "resource_type": "instance"}
        return [{"key": key, "value": value, **common} for key, value in list(tags.items())]

    def start(self) -> InstanceState:
        before = super().start()
        if before.name == "stopped":
            self.life.change("pending", "running", seconds=Times.boot_seconds)
            self.launch_time = Times.clock.utc()
            self.booted = Times.clock.now() + Times.boot_seconds
        return before

    def stop(self) -> InstanceState:
        if self.state in ("stopping", "stopped"):
            return self._state
        before = super().stop()
        self.life.change("stopping", "stopped", seconds=Times.boot_seconds)
        return before

    def terminate(self) -> InstanceState:
        if self.state in ("shutting-down", "terminated"):
            return self._state
        before = super().terminate()
        self.life.change("shutting-down", "terminated", seconds=Times.boot_seconds)
        return before

    def reboot(self) -> None:
        super().reboot()
        self.booted = Times.clock.now() + Times.boot_seconds


class LivingBackend(EC2Backend):
    """moto's EC2 of one account and region, with instances found by id without walking through all of them."""

    def __init__(self, region_name: str, account_id: str) -> None:
        self.instances_by_id: dict[str, LivingInstance] = {}
        super().__init__(region_name, account_id)

    @property
    def _url_module(self) -> Any:
        # moto looks beside the module of the class.
        return moto.ec2.urls

    def get_instance(self, instance_id: str) -> Any:
        return self.get_multi_instances_by_id([instance_id])[0]

    def get_instance_by_id(self, instance_id: str) -> LivingInstance | None:
        return self.instances_by_id.get(instance_id)

    def get_multi_instances_by_id(self, instance_ids: Iterable[str], filters: Any = None) -> list[Any]:
        found, missing = [], []
        for instance_id in instance_ids:
            instance = self.instances_by_id.get(instance_id)
            if instance is None or instance.gone:
                missing.append(instance_id)
            elif instance.applies(filters):
                found.append(instance)
        if missing:
            raise InvalidInstanceIdError(missing)
        return found

    def describe_volumes(self, volume_ids: list[str] | None = None, filters: Any = None) -> list[Any]:
        # moto walks through all volumes for those of one instance, at each launch.
        if volume_ids and not filters:
            return [self.get_volume(volume_id) for volume_id in volume_ids]
        return list(super().describe_volumes(volume_ids, filters))

    def run_instances(
        self, image_id: str, count: int, user_data: Any, security_group_names: list[str], **options: Any
    ) -> Reservation:
        image = self.describe_images(ami_ids=[image_id])[0] if image_id else None
        if image is not None:
            _check_architecture(str(options["instance_type"]), str(image.architecture))
            disks = options.get("block_device_mappings") or []
            options["block_device_mappings"] = _with_root_disk(disks, str(image.root_device_name))
        try:
            made = super().run_instances(image_id, count, user_data, security_group_names, **options)
        except InvalidInstanceTypeError:
            message = f"Invalid value '{options['instance_type']}' for InstanceType."
            raise EC2ClientError("InvalidParameterValue", message) from None
        for instance in made.instances:
            assert isinstance(instance, LivingInstance)
            instance.reservation_id = made.id
            # Without groups, AWS puts an instance in the default one of its network.
            instance.security_groups = instance.security_groups or list(instance.nics[0].group_set)
            self._tune_disks(instance, options.get("block_device_mappings") or [])
        return made

    def start_instances(self, instance_ids: list[str]) -> list[tuple[Instance, InstanceState]]:
        self._refuse(instance_ids, ("stopping", "shutting-down", "terminated"), "IncorrectInstanceState", "started")
        return super().start_instances(instance_ids)

    def stop_instances(self, instance_ids: list[str]) -> list[tuple[Instance, InstanceState]]:
        self._refuse(instance_ids, ("pending", "shutting-down", "terminated"), "IncorrectInstanceState", "stopped")
        return super().stop_instances(instance_ids)

    def reboot_instances(self, instance_ids: list[str]) -> list[Instance]:
        states = [state for state in CODES if state != "running"]
        self._refuse(instance_ids, states, "IncorrectState", "rebooted")
        return super().reboot_instances(instance_ids)

    def _refuse(self, instance_ids: Iterable[str], states: Sequence[str], code: str, done: str) -> None:
        for instance in self.get_multi_instances_by_id(instance_ids):
            if instance.state in states:
                raise EC2ClientError(
                    code,
                    f"The instance '{instance.id}' is not in a state from which it can be {done}: {instance.state}.",
                )

    def _tune_disks(self, instance: Instance, mappings: Iterable[dict[str, Any]]) -> None:
        """Moto drops what a disk of a launch may do; the mapping carries it here."""
        for mapping in mappings:
            disk = mapping["Ebs"]
            attached = instance.block_device_mapping.get(mapping["DeviceName"])
            if attached is not None:
                volume = self.get_volume(attached.volume_id)
                volume.iops = disk.get("Iops") or volume.iops
                volume.throughput = disk.get("Throughput") or (_GP3_THROUGHPUT if volume.volume_type == "gp3" else None)


def _check_architecture(instance_type: str, architecture: str) -> None:
    known = INSTANCE_TYPES.get(instance_type)
    if known and architecture not in known["ProcessorInfo"]["SupportedArchitectures"]:
        raise EC2ClientError(
            "InvalidParameterValue",
            f"The architecture of the instance type '{instance_type}' does not match the architecture"
            f" '{architecture}' of the specified AMI.",
        )


def _with_root_disk(mappings: list[dict[str, Any]], device: str) -> list[dict[str, Any]]:
    """The image brings the disk it boots from; a mapping of the same device only changes it."""
    root: dict[str, Any] = {"DeviceName": device, "NoDevice": None, "Ebs": {}}
    others = []
    for mapping in mappings:
        if mapping["DeviceName"] == device:
            root = mapping
        else:
            others.append(mapping)
    disk = {name: value for name, value in root["Ebs"].items() if value is not None}
    return [{**root, "Ebs": {"VolumeSize": 8, "VolumeType": "gp3", "DeleteOnTermination": True, **disk}}, *others]
