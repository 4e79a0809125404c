"""An account of the sandbox's AWS: through the adapter, and straight through AWS's own SDK."""

import time
from collections.abc import Mapping
from typing import Any

import boto3
from mypy_boto3_ec2 import EC2Client
from mypy_boto3_ec2.type_defs import InstanceTypeDef
from novacron.cloud.v1 import compute_pb2, provider_pb2
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_providers.aws import PROVIDER
from novacron_providers.contract import Call, Compute, Connection, Metrics, ScaledClock, Secret, Settings
from novacron_sandbox import Sandbox

from tests.unit.providers.operation import MemoryOp

PARENT = "providers/aws"
REGION, OTHER = "us-east-1", "eu-west-1"
CALL = Call(principal="tester")
# Both sides live twenty times as fast: boots are short, and so are the waits for AWS's published rates.
ORIGIN, RATE = time.time(), 20.0
GIB = 2**30


def fast_sandbox() -> Sandbox:
    """A sandbox whose instances boot in 0.2 s."""
    return Sandbox(origin=ORIGIN, rate=RATE, boot_seconds=4)


def connect(sandbox: Sandbox, *, auth: Mapping[str, str] | None = None, **config: Any) -> Connection:
    """A connection of the adapter to the sandbox; what is given of auth and configuration replaces the usual."""
    keys = {key: sandbox.aws[key] for key in ("access_key_id", "secret_access_key")} if auth is None else auth
    usual = {"endpoint": sandbox.aws["endpoint"], "regions": sandbox.aws["regions"], "default_region": REGION}
    settings = Settings(
        provider="aws",
        config=provider_pb2.ProviderConfig(**{**usual, **config}),
        auth={key: Secret(value) for key, value in keys.items()},
        clock=ScaledClock(ORIGIN, RATE),
    )
    PROVIDER.check(settings)
    return PROVIDER.connect(settings)


class Account:
    """What a test holds.

    Attributes:
        sandbox: Injects faults, counts effects.
        connection: The adapter.
        compute: Its area of instances.
        metrics: Its area of metrics.
        ec2: boto3, past the adapter: tells what exists.
    """

    def __init__(self, sandbox: Sandbox, connection: Connection) -> None:
        self.sandbox, self.connection = sandbox, connection
        (self.compute,) = [area for area in connection.areas if isinstance(area, Compute)]
        (self.metrics,) = [area for area in connection.areas if isinstance(area, Metrics)]
        self.ec2: EC2Client = boto3.client(
            "ec2",
            region_name=REGION,
            endpoint_url=sandbox.aws["endpoint"],
            aws_access_key_id=sandbox.aws["access_key_id"],
            aws_secret_access_key=sandbox.aws["secret_access_key"],
        )

    def spec(self, **fields: Any) -> compute_pb2.InstanceSpec:
        """An instance that can be made; what is given is changed."""
        usual = {"image": self.sandbox.aws["image"]}
        if not {"vcpus", "memory_bytes"} & fields.keys():
            usual["instance_type"] = "t3.micro"
        return compute_pb2.InstanceSpec(**{**usual, **fields})

    async def create(self, op: MemoryOp | None = None, **fields: Any) -> compute_pb2.Instance:
        """Create an instance as an operation does."""
        request = pb.CreateInstanceRequest(parent=PARENT, spec=self.spec(**fields))
        return await self.compute.create_instance(request, op or MemoryOp())

    async def delete(self, name: str, op: MemoryOp | None = None, *, allow_missing: bool = False) -> None:
        """Delete an instance as an operation does."""
        request = pb.DeleteInstanceRequest(name=name, allow_missing=allow_missing)
        await self.compute.delete_instance(request, op or MemoryOp())

    async def listed(self, **fields: Any) -> list[str]:
        """EC2's ids of the instances that a list gives, all pages of it."""
        request = pb.ListInstancesRequest(parent=PARENT, **fields)
        found: list[str] = []
        while True:
            answer = await self.compute.list_instances(request, CALL)
            found += [instance.native_id for instance in answer.instances]
            if not answer.next_page_token:
                return found
            request.page_token = answer.next_page_token

    def alive(self) -> list[InstanceTypeDef]:
        """What exists in the region by AWS's own word, without what ended."""
        reservations = self.ec2.describe_instances(MaxResults=1000)["Reservations"]
        found = [instance for reservation in reservations for instance in reservation["Instances"]]
        return [instance for instance in found if instance["State"]["Name"] != "terminated"]

    def effects(self) -> dict[str, int]:
        """How often AWS carried out each change since the last reset."""
        return dict(self.sandbox.state()["effects"])
