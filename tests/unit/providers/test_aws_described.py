"""The adapter's own reading of DescribeInstances against the SDK's."""

from typing import Any

import pytest
from botocore.parsers import EC2QueryParser
from botocore.session import Session
from novacron_providers.aws import described, instances

SPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"
INSTANCE = """
<instanceId>i-0abcdef1</instanceId><imageId>ami-1</imageId><reason>User initiated (2026-11-24 10:00:00 GMT)</reason>
<instanceState><code>{code}</code><name>{state}</name></instanceState><privateDnsName/><amiLaunchIndex>0</amiLaunchIndex>
<stateReason><code>Client.UserInitiatedHibernate</code><message>asked &amp; done</message></stateReason>
<instanceType>t3.medium</instanceType><launchTime>2026-11-20T10:11:12.000Z</launchTime><architecture>arm64</architecture>
<placement><availabilityZone>us-east-1b</availabilityZone><tenancy>default</tenancy></placement>
<ipAddress>54.0.0.1</ipAddress><privateIpAddress>10.0.0.1</privateIpAddress><rootDeviceName>/dev/xvda</rootDeviceName>
<cpuOptions><coreCount>4</coreCount><threadsPerCore>2</threadsPerCore></cpuOptions>
<instanceLifecycle>spot</instanceLifecycle><groupSet><item><groupId>sg-1</groupId><groupName>a</groupName></item></groupSet>
<tagSet><item><key>Name</key><value>web</value></item><item><key>empty</key><value/></item></tagSet>
<blockDeviceMapping><item><deviceName>/dev/sdb</deviceName><ebs><volumeId>vol-2</volumeId></ebs></item>
<item><deviceName>/dev/xvda</deviceName><ebs><volumeId>vol-1</volumeId><attachTime>2026-11-01T00:00:00.000Z</attachTime>
</ebs></item></blockDeviceMapping>
<networkInterfaceSet><item><networkInterfaceId>eni-1</networkInterfaceId><subnetId>subnet-1</subnetId><vpcId>vpc-1</vpcId>
<macAddress>0a:00:00:00:00:01</macAddress><privateIpAddress>10.0.0.1</privateIpAddress>
<attachment><deviceIndex>1</deviceIndex><attachTime>2026-11-02T00:00:00.000Z</attachTime></attachment>
<association><publicIp>54.0.0.1</publicIp></association><privateIpAddressesSet><item>
<privateIpAddress>10.0.0.9</privateIpAddress><association><publicIp>54.0.0.9</publicIp></association></item>
</privateIpAddressesSet></item><item><subnetId>subnet-0</subnetId><attachment><deviceIndex>0</deviceIndex></attachment>
</item></networkInterfaceSet>
"""
BARE = """
<instanceId>i-0abcdef2</instanceId><instanceState><code>16</code><name>running</name></instanceState>
<instanceType>t3.nano</instanceType><tagSet/><networkInterfaceSet/>
"""


def body(*items: str, space: str = f' xmlns="{SPACE}"') -> bytes:
    inner = "".join(f"<item><instancesSet><item>{item}</item></instancesSet></item>" for item in items)
    return (
        f'<?xml version="1.0"?><DescribeInstancesResponse{space}><requestId>r-1</requestId>'
        f"<reservationSet>{inner}</reservationSet><nextToken>more</nextToken></DescribeInstancesResponse>"
    ).encode()


def translated(answer: Any) -> list[Any]:
    found = [raw for reservation in answer["Reservations"] for raw in reservation["Instances"]]
    return [instances.translate(raw, provider="aws", region="us-east-1", observed=1.0, shape=None) for raw in found]


@pytest.mark.parametrize(("code", "state"), [(16, "running"), (80, "stopped"), (48, "terminated")])
@pytest.mark.parametrize("space", [f' xmlns="{SPACE}"', ""], ids=["namespace", "none"])
def test_it_tells_of_an_instance_what_the_sdk_tells(code: int, state: str, space: str) -> None:
    data = body(INSTANCE.format(code=code, state=state), BARE, space=space)
    shape = Session().get_service_model("ec2").operation_model("DescribeInstances").output_shape
    assert shape is not None
    theirs = EC2QueryParser().parse({"body": data, "headers": {}, "status_code": 200}, shape)
    ours = described.read(data)
    assert ours is not None
    assert translated(ours) == translated(theirs)
    assert ours["NextToken"] == theirs["NextToken"] == "more"


@pytest.mark.parametrize(
    "data",
    [b"", b"<html><body>busy<br></html>", b"<html/>", body(INSTANCE)[:-20], body("<launchTime>soon</launchTime>")],
    ids=["nothing", "broken", "HTML", "cut off", "no time"],
)
def test_what_is_no_answer_is_left_to_the_sdk(data: bytes) -> None:
    assert described.read(data) is None
