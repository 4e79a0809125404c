"""Seconds as protobuf's messages, to the microsecond: a float of today's date holds no more."""

from google.protobuf import duration_pb2, timestamp_pb2


def timestamp(seconds: float) -> timestamp_pb2.Timestamp:
    """A moment; `seconds` since 1970."""
    whole, rest = divmod(round(seconds * 1e6), 1_000_000)
    return timestamp_pb2.Timestamp(seconds=whole, nanos=rest * 1000)


def duration(seconds: float) -> duration_pb2.Duration:
    """A length of time."""
    found = duration_pb2.Duration()
    found.FromMicroseconds(round(seconds * 1e6))
    return found
