"""How points that clients write are put into calls, and what comes back of them."""

import pytest
from novacron_providers.aws.custom import unit_of
from novacron_providers.contract.custom import CustomPoint
from novacron_providers.contract.errors import InvalidArgument
from novacron_providers.contract.metrics import SeriesKey
from novacron_providers.gcp.custom import refused_series, turns
from novacron_providers.kit.batches import batches

ORDER = "Points must be written in order. One or more of the points specified had an older start time."


class GoogleError(Exception):
    """As google.api_core's errors have their text."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def refusal(message: str) -> InvalidArgument:
    error = InvalidArgument("refused", facts={"native_code": "INVALID_ARGUMENT"})
    error.__cause__ = GoogleError(message)
    return error


def point(place: int, name: str, time: float) -> CustomPoint:
    return CustomPoint(place, SeriesKey(name, ""), time, 0.0, 1.0, "")


def test_google_names_the_series_that_it_refuses() -> None:
    told = (
        f"One or more TimeSeries could not be written: {ORDER}: timeSeries[0,2-4]; "
        "Unrecognized metric type x.: timeSeries[7]"
    )
    found = {place: error.message for place, error in refused_series(refusal(told), 8)}
    assert sorted(found) == [0, 2, 3, 4, 7]
    assert "written in order" in found[3] and "Unrecognized" not in found[3]
    assert found[7] == "Google does not take the point: Unrecognized metric type x."


def test_what_google_does_not_tell_apart_is_refused_as_a_whole() -> None:
    error = refusal("Field timeSeries had an invalid value")
    assert dict(refused_series(error, 3)) == {0: error, 1: error, 2: error}
    assert [place for place, _ in refused_series(refusal("x: timeSeries[1-9]"), 3)] == [1, 2]


def test_a_call_has_one_point_of_a_series_and_calls_are_in_the_order_of_time() -> None:
    points = [point(0, "a", 30), point(1, "a", 10), point(2, "b", 20), point(3, "a", 20)]
    assert [[one.place for one in turn] for turn in turns(points)] == [[1, 2], [3], [0]]


def test_batches_hold_to_both_limits() -> None:
    assert list(batches([1, 1, 1, 1, 1], most=2, size=int, room=100)) == [[1, 1], [1, 1], [1]]
    assert list(batches([4, 5, 2, 20, 1], most=9, size=int, room=10)) == [[4, 5], [2], [20], [1]]
    assert list(batches([], most=9, size=int, room=10)) == []


@pytest.mark.parametrize(
    ("unit", "word"),
    [("By", "Bytes"), ("{job}", "Count"), ("{job}/s", "Count/Second"), ("1", "None"), ("", "None"), ("m2", "None")],
)
def test_a_unit_that_cloudwatch_has_no_word_for_is_none(unit: str, word: str) -> None:
    assert unit_of(unit) == word
