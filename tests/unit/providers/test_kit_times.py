"""Times as clouds write them."""

import pytest
from google.protobuf import timestamp_pb2
from novacron_providers.kit.times import set_time


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-24T12:00:00Z",
        "2026-11-24T12:00:00.123-08:00",
        "2026-11-24T12:00:00.1234567+00:00",
        "2026-11-24T12:00:00.123456789Z",
        "1969-12-31T23:59:59.5Z",
    ],
)
def test_it_reads_what_protobuf_reads(text: str) -> None:
    ours, theirs = timestamp_pb2.Timestamp(), timestamp_pb2.Timestamp()
    set_time(ours, text)
    theirs.FromJsonString(text)
    assert ours == theirs


def test_without_a_zone_it_is_utc() -> None:
    found = timestamp_pb2.Timestamp()
    set_time(found, "2026-11-24T12:00:00.1234567")
    assert found.ToJsonString() == "2026-11-24T12:00:00.123456700Z"


def test_what_is_no_time_is_refused() -> None:
    with pytest.raises(ValueError, match="soon"):
        set_time(timestamp_pb2.Timestamp(), "soon")
