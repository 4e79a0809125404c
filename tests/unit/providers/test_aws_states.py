"""Answers of EC2 that the sandbox does not give: late ones, hibernation, machines that run out."""

from collections.abc import AsyncIterator, Mapping

import pytest
import pytest_asyncio
from novacron.cloud.v1 import compute_pb2, provider_pb2
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_providers.aws import PROVIDER
from novacron_providers.contract import Compute, Secret, Settings
from novacron_providers.contract.errors import (
    CapacityUnavailable,
    InvalidArgument,
    NotFound,
    OutcomeUnknown,
    StateInvalid,
    Unavailable,
)

from tests.unit.providers.operation import Journal, MemoryOp
from tests.unit.providers.skipping_clock import SkippingClock
from tests.unit.providers.stub_aws import RESET, Answer, StubAws, error, ok, stub_aws

ID = "i-0123456789abcdef0"
NAME = f"providers/aws/instances/us-east-1~{ID}"
UNKNOWN = error("InvalidInstanceID.NotFound")
CAPACITY, HIBERNATED = "Server.InsufficientInstanceCapacity", "Client.UserInitiatedHibernate"


def seen(state: str, reason: str = "", *, hibernation: bool = False) -> Answer:
    """The instance as DescribeInstances shows it."""
    return ok(
        "DescribeInstances",
        f"<reservationSet><item><instancesSet><item><instanceId>{ID}</instanceId><instanceType>t3.micro</instanceType>"
        f"<instanceState><code>0</code><name>{state}</name></instanceState>"
        f"<stateReason><code>{reason}</code><message>{reason}: told</message></stateReason>"
        f"<hibernationOptions><configured>{str(hibernation).lower()}</configured></hibernationOptions>"
        "</item></instancesSet></item></reservationSet>",
    )


class Ec2:
    """Shows the instance in one state after the other, the last one for good; takes every change."""

    def __init__(self) -> None:
        self.shows: list[Answer] = []
        # Action whose answer is lost.
        self.lost = ""
        self.image = (
            "<imageId>ami-1</imageId><imageState>available</imageState><architecture>x86_64</architecture>"
            "<rootDeviceName>/dev/xvda</rootDeviceName><blockDeviceMapping><item><deviceName>/dev/xvda</deviceName>"
            "<ebs><volumeSize>8</volumeSize></ebs></item></blockDeviceMapping>"
        )

    def __call__(self, request: Mapping[str, str]) -> Answer:
        if request["Action"] == self.lost:
            return RESET
        match request["Action"]:
            case "DescribeInstances":
                return self.shows.pop(0) if len(self.shows) > 1 else self.shows[0]
            case "DescribeInstanceTypes":
                return ok(
                    "DescribeInstanceTypes",
                    "<instanceTypeSet><item><instanceType>t3.micro</instanceType></item></instanceTypeSet>",
                )
            case "DescribeImages":
                return ok("DescribeImages", f"<imagesSet><item>{self.image}</item></imagesSet>")
            case "RunInstances":
                return ok("RunInstances", f"<instancesSet><item><instanceId>{ID}</instanceId></item></instancesSet>")
            case action:
                return ok(action)


class Account:
    """The adapter in front of such an EC2."""

    def __init__(self, ec2: Ec2, stub: StubAws, compute: Compute) -> None:
        self.ec2, self.stub, self.compute = ec2, stub, compute

    def sent(self, action: str) -> list[dict[str, str]]:
        return [request for request in self.stub.requests if request["Action"] == action]

    async def create(self, op: MemoryOp | None = None, **fields: object) -> compute_pb2.Instance:
        spec = compute_pb2.InstanceSpec(image="ami-1", instance_type="t3.micro", **fields)  # type: ignore[arg-type]  # any
        return await self.compute.create_instance(
            pb.CreateInstanceRequest(parent="providers/aws", spec=spec), op or MemoryOp(clock=SkippingClock())
        )

    async def start(self, op: MemoryOp | None = None) -> compute_pb2.Instance:
        request = pb.StartInstanceRequest(name=NAME)
        return await self.compute.start_instance(request, op or MemoryOp(clock=SkippingClock()))

    async def suspend(self) -> compute_pb2.Instance:
        request = pb.StopInstanceRequest(name=NAME, mode=pb.STOP_MODE_SUSPEND)
        return await self.compute.stop_instance(request, MemoryOp(clock=SkippingClock()))


@pytest_asyncio.fixture
async def account() -> AsyncIterator[Account]:
    ec2 = Ec2()
    with stub_aws(script=ec2) as stub:
        config = provider_pb2.ProviderConfig(endpoint=stub.endpoint, regions=["us-east-1"], default_region="us-east-1")
        auth = {"access_key_id": Secret("AKIA"), "secret_access_key": Secret("s")}
        connection = PROVIDER.connect(Settings(provider="aws", config=config, auth=auth, clock=SkippingClock()))
        (compute,) = [area for area in connection.areas if isinstance(area, Compute)]
        yield Account(ec2, stub, compute)
        await connection.close()


async def test_an_instance_that_ec2_does_not_show_yet_is_waited_for(account: Account) -> None:
    account.ec2.shows = [UNKNOWN, UNKNOWN, seen("pending"), error("InternalError", 500), seen("running")]
    op = MemoryOp(clock=SkippingClock())
    assert (await account.create(op)).native_id == ID
    assert op.journal.progress == [0.0, 0.0, 0.5, 1.0]
    assert len(account.sent("RunInstances")) == 1


async def test_a_machine_that_runs_out_while_it_starts(account: Account) -> None:
    account.ec2.shows = [seen("pending"), seen("terminated", CAPACITY)]
    op = MemoryOp(clock=SkippingClock())
    with pytest.raises(CapacityUnavailable, match="told"):
        await account.create(op)
    # EC2 took it away itself: nothing is left behind.
    assert list(op.journal.targets) == []


async def test_an_image_that_is_not_ready(account: Account) -> None:
    account.ec2.image = account.ec2.image.replace("available", "pending")
    with pytest.raises(StateInvalid) as caught:
        await account.create()
    assert caught.value.violations[0].field == "spec.image"


async def test_an_image_without_a_disk_of_its_own_takes_no_boot_disk(account: Account) -> None:
    account.ec2.image = "<imageId>ami-1</imageId><imageState>available</imageState>"
    account.ec2.shows = [seen("running")]
    with pytest.raises(InvalidArgument) as caught:
        await account.create(boot_disk={"size_bytes": 2**34})
    assert caught.value.violations[0].field == "spec.boot_disk"
    await account.create()


async def test_a_start_that_ec2_shows_late(account: Account) -> None:
    account.ec2.shows = [seen("stopped")] * 5 + [seen("pending"), seen("running")]
    assert (await account.start()).state == compute_pb2.INSTANCE_STATE_RUNNING
    assert len(account.sent("StartInstances")) == 1


async def test_a_start_that_falls_back_for_lack_of_machines(account: Account) -> None:
    account.ec2.shows = [seen("stopped")] * 3 + [seen("pending"), seen("stopped", CAPACITY)]
    with pytest.raises(CapacityUnavailable):
        await account.start()


async def test_a_start_of_what_somebody_ends_meanwhile(account: Account) -> None:
    account.ec2.shows = [seen("stopped"), seen("shutting-down")]
    with pytest.raises(NotFound) as caught:
        await account.start()
    assert caught.value.resource == NAME and not account.sent("StartInstances")


async def test_suspending_hibernates(account: Account) -> None:
    account.ec2.shows = [seen("running", hibernation=True)] * 3 + [
        seen("stopping", HIBERNATED, hibernation=True),
        seen("stopped", HIBERNATED, hibernation=True),
    ]
    assert (await account.suspend()).state == compute_pb2.INSTANCE_STATE_SUSPENDED
    (request,) = account.sent("StopInstances")
    assert request["Hibernate"] == "true" and "Force" not in request


async def test_suspending_what_is_suspended_sends_nothing(account: Account) -> None:
    account.ec2.shows = [seen("stopped", HIBERNATED, hibernation=True)]
    assert (await account.suspend()).state == compute_pb2.INSTANCE_STATE_SUSPENDED
    assert not account.sent("StopInstances")


async def test_what_is_off_in_another_mode_has_to_be_started_first(account: Account) -> None:
    account.ec2.shows = [seen("stopped", hibernation=True)]
    with pytest.raises(StateInvalid) as caught:
        await account.suspend()
    assert caught.value.facts["state"] == "INSTANCE_STATE_DEALLOCATED"
    account.ec2.shows = [seen("running", hibernation=True)] * 3 + [seen("stopped", "Client.UserInitiatedShutdown")]
    with pytest.raises(StateInvalid, match="went off in another mode"):
        await account.suspend()


async def test_a_forced_stop_does_not_ask_the_guest(account: Account) -> None:
    account.ec2.shows = [seen("running")] * 3 + [seen("stopped")]
    request = pb.StopInstanceRequest(name=NAME, force=True)
    await account.compute.stop_instance(request, MemoryOp(clock=SkippingClock()))
    (sent,) = account.sent("StopInstances")
    assert sent["Force"] == "true" and "Hibernate" not in sent


async def test_a_deletion_of_what_ec2_has_forgotten_meanwhile(account: Account) -> None:
    account.ec2.shows = [seen("stopped"), UNKNOWN]
    op = MemoryOp(clock=SkippingClock())
    account.stub.script = lambda request: UNKNOWN if request["Action"] == "TerminateInstances" else account.ec2(request)
    await account.compute.delete_instance(pb.DeleteInstanceRequest(name=NAME), op)
    assert op.sent == ["check", "terminate", "terminated"]


async def test_a_reboot_whose_answer_is_lost_is_not_sent_again(account: Account) -> None:
    account.ec2.shows = [seen("running")]
    account.ec2.lost = "RebootInstances"
    request = pb.RestartInstanceRequest(name=NAME)
    with pytest.raises(Unavailable) as caught:
        await account.compute.restart_instance(request, MemoryOp(clock=SkippingClock()))
    assert caught.value.sent and len(account.sent("RebootInstances")) == 1
    account.ec2.lost = ""
    journal = Journal()
    with pytest.raises(ConnectionAbortedError):
        await account.compute.restart_instance(request, MemoryOp(journal, crash_at="reboot", clock=SkippingClock()))
    with pytest.raises(OutcomeUnknown, match="before asking again"):
        await account.compute.restart_instance(request, MemoryOp(journal, clock=SkippingClock()))
    assert len(account.sent("RebootInstances")) == 2
