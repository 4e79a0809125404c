"""The adapter's own reading of DescribeInstances against the SDK's."""

import random
import re
from typing import Any
from xml.dom import minidom

import pytest
from botocore.parsers import EC2QueryParser
from botocore.session import Session
from novacron_providers.aws import described, instances, layouts

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


def raws(answer: Any) -> list[Any]:
    return [raw for reservation in answer["Reservations"] for raw in reservation["Instances"]]


def content(answer: Any) -> Any:
    """What an answer says, whatever the reservations."""
    return answer and (raws(answer), {name: value for name, value in answer.items() if name != "Reservations"})


@pytest.fixture
def no_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    def parsed(body: bytes) -> None:
        raise AssertionError("left to the parser")

    monkeypatch.setattr(described, "parsed", parsed)


def translated(answer: Any) -> list[Any]:
    found = raws(answer)
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


IN_FULL = INSTANCE.format(code=16, state="running")
# As EC2 writes it.
INDENTED = "\n".join(
    minidom.parseString(re.sub(rb">\s+<", b"><", body(IN_FULL, BARE, IN_FULL))).toprettyxml("  ").splitlines()
)
PLAIN = {
    "in one line": re.sub(rb">\s+<", b"><", body(IN_FULL, BARE, BARE, IN_FULL)),
    "indented": INDENTED.replace('version="1.0" ', 'version="1.0" encoding="UTF-8"').encode(),
    "a reservation of three": body(f"{BARE}</item><item>{IN_FULL}</item><item>{BARE}"),
    "references": body(IN_FULL, BARE.replace("t3.nano", "&lt;a&gt; &amp;amp; &quot;b&apos;")),
    "other alphabets": body(IN_FULL.replace("web", "\u0432\u0435\u0431 \U0001f680"), BARE),
    "no instances": b"<DescribeInstancesResponse><requestId>r</requestId><reservationSet/></DescribeInstancesResponse>",
    "what nobody knows": body(f"<new><item>{BARE}</item><instancesSet><item>{BARE}</item></instancesSet></new>{BARE}"),
    "a member twice": body("<imageId>ami-2</imageId><imageId/><tagSet><item><key>a</key></item></tagSet>" + BARE),
}


@pytest.mark.parametrize("data", PLAIN.values(), ids=PLAIN)
def test_what_is_plain_is_read_as_by_a_parser(data: bytes, request: pytest.FixtureRequest) -> None:
    theirs = described.parsed(data)
    request.getfixturevalue("no_parser")
    # Also when the layouts are known.
    for _ in range(2):
        assert content(described.read(data)) == content(theirs) is not None


def changed(text: str, into: str) -> bytes:
    """A list of two in which something of the first is changed."""
    assert text in BARE
    return body(BARE.replace(text, into), BARE)


ODD = {
    "another member first": body(BARE, "<imageId>ami-2</imageId>" + BARE, BARE),
    "CDATA": changed("t3.nano", "<![CDATA[<t3>]]>"),
    "CDATA with tags": changed("t3.nano", "<![CDATA[</instanceType><instanceType>]]>"),
    "comment": changed("t3.nano", "t3<!-- <big> -->.nano"),
    "instruction": changed("<tagSet/>", "<?note <tagSet/>?><tagSet/>"),
    "attribute": changed("<tagSet/>", "<tagSet of='2'/>"),
    "attribute with the end of a tag": changed("<tagSet/>", "<tagSet of='/>'/>"),
    "prefix": changed("<tagSet/>", "<x:tagSet xmlns:x='x'/>"),
    "end of a tag in a text": changed("t3.nano", "t3>nano"),
    "space in a tag": changed("<tagSet/>", "<tagSet ></tagSet >"),
    "number": changed("t3.nano", "t3&#46;nano&#x21;"),
    "carriage return": changed("t3.nano", "t3\r\nnano"),
    "element in a text": changed("t3.nano", "t3<b>.</b>nano"),
    "entity": b'<!DOCTYPE x [<!ENTITY y "t3">]>' + changed("t3.nano", "&y;")[len('<?xml version="1.0"?>') :],
    "latin-1": changed("t3.nano", "caf\u00e9").decode().replace("?>", ' encoding="latin-1"?>', 1).encode("latin-1"),
    "byte order mark": b"\xef\xbb\xbf" + body(BARE),
    "comment at the end": body(BARE) + b"<!-- end -->",
}


@pytest.mark.parametrize("data", ODD.values(), ids=ODD)
def test_what_is_odd_is_left_to_the_parser(data: bytes, request: pytest.FixtureRequest) -> None:
    assert described.read(body(BARE, BARE))
    assert content(described.read(data)) == content(described.parsed(data)) is not None
    request.getfixturevalue("no_parser")
    with pytest.raises(AssertionError, match="left to the parser"):
        described.read(data)


BROKEN = {
    "not closed": changed("</name>", ""),
    "closed twice": changed("</name>", "</name></name>"),
    "crossed": changed("</name></instanceState>", "</instanceState></name>"),
    "of another name": changed("</name>", "</nome>"),
    "no name": changed("<tagSet/>", "<></>"),
    "no element's name": changed("<tagSet/>", "<2/>"),
    "begun in a tag": changed("<tagSet/>", "<tagSet<tagSet/>>"),
    "unknown reference": changed("t3.nano", "&nbsp;"),
    "bare ampersand": changed("t3.nano", "R&D"),
    "control character": changed("t3.nano", "t3\x01"),
    "no character": changed("t3.nano", "t3\uffff"),
    "not UTF-8": body(BARE).replace(b"t3", b"t\xff"),
    "half a list": body(BARE, BARE, BARE).replace(b"</item></instancesSet></item>", b"", 1),
    "two documents": body(BARE) + body(BARE),
    "no number": body(BARE + "<cpuOptions><coreCount/></cpuOptions>"),
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_what_is_broken_is_no_answer(data: bytes) -> None:
    assert described.read(body(BARE, BARE))
    assert described.parsed(data) is None
    assert described.read(data) is None


def test_a_list_of_ever_new_layouts_is_left_to_the_parser(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr(layouts, "KEPT", 8)
    monkeypatch.setattr(layouts, "NEW", 4)
    tags = ["<tagSet>" + "<item><key>k</key><value>v</value></item>" * n + "</tagSet>" for n in range(20)]
    lists = [body(*(BARE.replace("<tagSet/>", tag) for tag in tags[n : n + 3])) for n in range(0, 18, 3)]
    many = body(*(BARE.replace("<tagSet/>", tag) for tag in reversed(tags)))
    theirs = [described.parsed(data) for data in (*lists, many)]
    assert content(described.read(many)) == content(theirs.pop()) is not None
    request.getfixturevalue("no_parser")
    # More in all than are kept, but few in each.
    assert [content(described.read(data)) for data in lists] == [content(answer) for answer in theirs]
    with pytest.raises(AssertionError, match="left to the parser"):
        described.read(many)


def test_whatever_is_changed_it_is_read_as_by_a_parser() -> None:
    seeded = random.Random(7)
    whole = [body(IN_FULL, BARE, BARE), body(BARE, BARE, BARE)]
    pieces = (
        "< > / & &amp; &#38; = \" ' ! ? ]]> <![CDATA[x]]> <!--x--> <?x?> <item> </item> <item/> <key> </key> <x> </x>"
    )
    pieces += " \r \0 \x7f \ufffe \u00e9 <instancesSet> </instancesSet> <reservationSet> </reservationSet> <value> <1>"
    read = 0
    for _ in range(3000):
        data = seeded.choice(whole)
        for _ in range(seeded.choice((1, 1, 2))):
            start = seeded.randrange(len(data))
            end, again = start + seeded.choice((0, 0, 1, 5, 40)), seeded.randrange(len(data))
            put = seeded.choice((b"", seeded.choice(pieces.split(" ")).encode(), data[again : again + 60]))
            data = data[:start] + put + data[end:]
        theirs = described.parsed(data)
        assert content(described.read(data)) == content(theirs), data
        read += theirs is not None
    assert read > 100
