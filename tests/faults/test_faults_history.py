"""The history in its quick form, and the checker itself: it finds what is wrong."""

import pathlib

import pytest

from tests.faults import histories
from tests.faults.history import History, Outcome
from tests.faults.proof import QUICK, broken, table


@pytest.mark.timeout(180)
async def test_a_history_of_faults_and_kills_has_one_effect_for_each_request(tmp_path: pathlib.Path) -> None:
    rows = await histories.run(QUICK, tmp_path)
    print(table(rows))
    assert not broken(rows)


def history(outcome: Outcome | None, *, left: int = 0) -> History:
    found = History()
    found.begin("r")
    if outcome is not None:
        found.end("r", outcome, left=left)
    return found


def test_a_request_with_the_effect_that_it_was_told_of_is_right() -> None:
    assert not history(Outcome.OK).check({"r": 1}).wrong
    assert not history(Outcome.ERROR).check({}).wrong
    assert not history(Outcome.ERROR, left=1).check({"r": 1}).wrong, "it told what it left behind"


def test_what_is_wrong_is_found() -> None:
    assert history(Outcome.OK).check({"r": 2}).twice == ["r"]
    assert history(Outcome.OK).check({}).lost == ["r"]
    assert history(Outcome.ERROR).check({"r": 1}).ghosts == ["r"]
    assert history(Outcome.UNKNOWN).check({"r": 1}).unsettled == ["r"]
    assert history(None).check({}).unsettled == ["r"]
    assert history(Outcome.OK).check({"r": 1, "s": 1}).strange == ["s"]


def test_a_doubt_of_more_than_a_minute_is_too_long() -> None:
    for seconds, expected in ((1.0, []), (61.0, ["r"])):
        late = history(None)
        late.doubt("r")
        entry = late.entries["r"]
        assert entry.doubted is not None
        entry.doubted -= seconds
        late.end("r", Outcome.OK)
        assert late.check({"r": 1}).unsettled == expected


def test_a_run_in_which_little_happened_is_void() -> None:
    assert history(Outcome.OK).check({"r": 1}, seconds=1.0).void
    busy = history(Outcome.OK)
    busy.reads = 200
    assert not busy.check({"r": 1}, seconds=2.0).void
