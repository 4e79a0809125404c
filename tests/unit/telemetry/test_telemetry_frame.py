"""Batches written by hand are what protobuf would write."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from novacron.cloud.v1 import metrics_pb2, metrics_service_pb2, streams_pb2
from novacron_server.telemetry import frame

# From each slot to the next one: neighbours mostly, or far away.
steps = st.lists(st.one_of(st.just(1), st.integers(1, 300), st.integers(1, 100_000)), max_size=300)
doubles = st.floats(allow_nan=True, allow_infinity=True)
moments = st.integers(0, 4_000_000_000_000_000).map(lambda micros: micros / 1e6)


def column(first: int, gaps: list[int]) -> frame.Slots:
    return np.cumsum([first, *gaps], dtype=np.int64)


def sizes(slots: frame.Slots) -> list[int]:
    """How many slots each batch has that a column is split into."""
    return [piece.stop - piece.start for piece in frame.pieces(slots)]


def by_protobuf(
    sequence: int, time: float, period: float, slots: frame.Slots, values: frame.Floats
) -> metrics_service_pb2.StreamMetricsResponse:
    batch = metrics_pb2.MetricBatch(first_slot=int(slots[0]), values=values.tolist())
    batch.time.FromMicroseconds(round(time * 1e6))
    if period:
        batch.period.FromMicroseconds(round(period * 1e6))
    if slots[-1] - slots[0] != len(slots) - 1:
        batch.slot_steps.extend(np.diff(slots, prepend=slots[0]).tolist())
    event = metrics_service_pb2.MetricEvent(sequence=sequence, batch=batch)
    return metrics_service_pb2.StreamMetricsResponse(events=[event])


@given(
    sequence=st.integers(0, 2**64 - 1),
    time=moments,
    period=st.one_of(st.just(0.0), st.floats(0.001, 100_000)),
    first=st.integers(0, 200_000),
    gaps=steps,
    data=st.data(),
)
def test_batch_equals_protobufs_own_bytes(
    sequence: int, time: float, period: float, first: int, gaps: list[int], data: st.DataObject
) -> None:
    slots = column(first, gaps)
    values = np.array(data.draw(st.lists(doubles, min_size=slots.size, max_size=slots.size)))
    expected = by_protobuf(sequence, time, period, slots, values)
    assert frame.batch(sequence, time, period, frame.places(slots), values) == expected.SerializeToString()


@given(st.lists(st.tuples(st.integers(0, 2**40), st.integers(0, 1000), st.integers(1, 50)), max_size=8))
def test_responses_joined_parse_as_one(parts: list[tuple[int, int, int]]) -> None:
    events, data = [], b""
    for sequence, first, size in parts:
        slots, values = np.arange(first, first + size), np.linspace(0.0, 1.0, size)
        data += frame.batch(sequence, 1_700_000_000.25, 60.0, frame.places(slots), values)
        data += frame.control(sequence, streams_pb2.StreamControl(synced=streams_pb2.StreamSynced()))
        events += [*by_protobuf(sequence, 1_700_000_000.25, 60.0, slots, values).events]
        events.append(metrics_service_pb2.MetricEvent(sequence=sequence))
        events[-1].control.synced.SetInParent()
    assert [*metrics_service_pb2.StreamMetricsResponse.FromString(data).events] == events


@given(first=st.integers(0, 1000), gaps=steps)
def test_pieces_are_the_column_in_order(first: int, gaps: list[int]) -> None:
    slots = column(first, gaps)
    pieces = frame.pieces(slots)
    assert [n for piece in pieces for n in range(piece.start, piece.stop)] == [*range(slots.size)]
    for piece in pieces:
        assert piece.places == frame.places(slots[piece.start : piece.stop])


def test_large_column_is_cut_into_messages_of_64_kb() -> None:
    assert sizes(np.arange(20_000)) == [8192, 8192, 3616]


def test_few_holes_cost_a_header_each_and_many_cost_steps() -> None:
    few = np.delete(np.arange(10_000), [100, 5000])
    assert sizes(few) == [100, 4899, 4999]
    many = np.arange(0, 1000, 3)
    assert sizes(many) == [many.size]


def test_bytes_a_sample() -> None:
    values = np.full(1000, math.pi)
    dense = frame.batch(12345, 1_700_000_000.0, 60.0, frame.places(np.arange(1000)), values)
    assert len(dense) / 1000 < 8.05
    sparse = frame.places(np.arange(0, 10_000, 10))
    assert len(frame.batch(12345, 1_700_000_000.0, 60.0, sparse, values)) / 1000 < 9.05
