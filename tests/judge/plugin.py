"""Judges every exchange with a sandbox cloud in every test: one that breaks the cloud's own rules fails the test.

The sandboxes of a run record what they are asked and what they answer; after each phase of a test, what is new is held
to the cloud's specification.
"""

import json
import os
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from tests.judge.verdict import Judge


def _azure() -> Judge | None:
    from tests.judge.openapi import Azure

    folder = os.environ.get("AZURE_SPECS_DIR")
    return Azure(Path(folder)) if folder else None


def _gcp() -> Judge | None:
    from tests.judge.discovery import Google

    return Google()


# Made when the first exchange is there: reading a cloud's specification takes a while.
_JUDGES: dict[str, Callable[[], Judge | None]] = {"azure": _azure, "gcp": _gcp}
_SHOWN = 20
_COUNTS = "judged_exchanges"


def judge_of(cloud: str) -> Judge | None:
    """The judge of a cloud; None when its specification is not here."""
    return _JUDGES[cloud]()


class Court:
    """The records of a folder, and how far they were judged."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.operations: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.unjudged: Counter[str] = Counter()
        self._judges: dict[str, Judge | None] = {}
        self._read: Counter[Path] = Counter()

    def breaches(self) -> list[str]:
        """Judge what is new; return what is wrong with it, each with the operation and the path of the field."""
        found = []
        for path in sorted(self.folder.glob("*.jsonl")):
            cloud = path.name.partition("-")[0]
            if cloud not in self._judges:
                self._judges[cloud] = judge_of(cloud)
            judge = self._judges[cloud]
            for line in self._new_lines(path):
                if judge is None:
                    self.unjudged[cloud] += 1
                    continue
                exchange = json.loads(line)
                verdict = judge.judge(exchange)
                self.operations[cloud][verdict.operation] += 1
                where = f"{cloud} {verdict.operation} ({exchange['status']})"
                found += [f"{where}: {breach}" for breach in verdict.breaches]
        return found

    def _new_lines(self, path: Path) -> list[bytes]:
        with path.open("rb") as record:
            record.seek(self._read[path])
            # A line that is being written is for the next time.
            text = record.read()
            whole = text[: text.rfind(b"\n") + 1]
        self._read[path] += len(whole)
        return whole.splitlines()


_court: Court | None = None


def pytest_configure() -> None:
    global _court
    _court = Court(Path(tempfile.mkdtemp(prefix="novacron-exchanges-")))
    os.environ["SANDBOX_RECORD"] = str(_court.folder)


def pytest_unconfigure() -> None:
    if _court is not None:
        shutil.rmtree(_court.folder)
        os.environ.pop("SANDBOX_RECORD", None)


def _judged() -> Generator[None, object, object]:
    try:
        result = yield
    finally:
        breaches = _court.breaches() if _court else []
        if breaches:
            more = [f"... and {len(breaches) - _SHOWN} more"] if len(breaches) > _SHOWN else []
            pytest.fail("\n".join(["breaches of the cloud's rules:", *breaches[:_SHOWN], *more]), pytrace=False)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, object, object]:
    return (yield from _judged())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    return (yield from _judged())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Generator[None, object, object]:
    return (yield from _judged())


def pytest_sessionfinish(session: pytest.Session) -> None:
    # A worker of pytest-xdist prints nothing: what it counted goes to the process that does.
    output = getattr(session.config, "workeroutput", None)
    if output is not None and _court is not None:
        counted = {cloud: dict(operations) for cloud, operations in _court.operations.items()}
        output[_COUNTS] = {"judged": counted, "unjudged": dict(_court.unjudged)}


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    counts = getattr(node, "workeroutput", {}).get(_COUNTS)
    if counts and _court is not None:
        for cloud, operations in counts["judged"].items():
            _court.operations[cloud].update(operations)
        _court.unjudged.update(counts["unjudged"])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _court is None:
        return
    clouds = {cloud: operations for cloud, operations in sorted(_court.operations.items()) if operations}
    if clouds:
        exchanges = sum(operations.total() for operations in clouds.values())
        each = ", ".join(f"{cloud} {counts.total():,}/{len(counts)}" for cloud, counts in clouds.items())
        kinds = sum(len(operations) for operations in clouds.values())
        terminalreporter.line(f"judged: {exchanges:,} exchanges of {kinds} operations ({each})")
    for cloud, count in sorted(_court.unjudged.items()):
        terminalreporter.line(f"not judged: {count:,} exchanges with {cloud}, whose specification is not here")
