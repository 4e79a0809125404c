"""Whatever happens to the clouds and to the connections, who watches ends with what is true."""

import asyncio
import pathlib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from novacron_providers.contract.errors import Unavailable
from novacron_server.inventory import view

from tests.unit.inventory.watchlab import INSTANCE, RUNNING, STOPPED, WatchedCloud, Watcher, WatchLab

IDS, REGIONS, WATCHERS = "abcd", ("east", "west"), 4
SCOPES: list[dict[str, Any]] = [
    {},
    {"filter": 'state = "RUNNING"', "types": [INSTANCE]},
    {"regions": ["west"], "types": [INSTANCE]},
    {"parent": "providers/toy"},
]

WHO = st.integers(0, WATCHERS - 1)

steps = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["run", "halt", "delete"]), st.sampled_from(IDS), st.sampled_from(REGIONS)),
        st.tuples(st.sampled_from(["fail", "mend"]), st.sampled_from(REGIONS), st.none()),
        st.tuples(st.sampled_from(["join", "leave", "return", "pause", "resume"]), WHO, st.none()),
        st.tuples(st.just("pass"), st.sampled_from([0.0, 2.0, 61.0]), st.none()),
        st.tuples(st.just("slow"), st.sampled_from([0.0, 1.5]), st.none()),
        st.tuples(st.sampled_from(["tell", "rename"]), st.none(), st.none()),
    ),
    max_size=25,
)


class Story:
    """What happens, step by step."""

    def __init__(self, lab: WatchLab, cloud: WatchedCloud) -> None:
        self.lab, self.cloud = lab, cloud
        self.there: dict[int, Watcher] = {}
        self.away: dict[int, Watcher] = {}

    async def step(self, what: str, one: Any, two: Any) -> None:
        cloud, lab = self.cloud, self.lab
        if two:
            # No two instances have one id.
            one = f"{two}-{one}"
        match what:
            case "run" | "halt":
                if one not in cloud.fleet[two]:
                    cloud.add(one, two)
                cloud.set(one, RUNNING if what == "run" else STOPPED, two)
            case "delete":
                cloud.fleet[two].pop(one, None)
            case "fail":
                cloud.broken[one] = Unavailable("down")
            case "mend":
                cloud.broken.pop(one, None)
            case "join" | "return" if one not in self.there:
                state = self.away.pop(one, None) if what == "return" else None
                self.there[one] = lab.watch(state=state, **SCOPES[one])
            case "leave" if watcher := self.there.pop(one, None):
                await watcher.stop()
                self.away[one] = watcher
            case "pause" if one in self.there:
                self.there[one].pause()
            case "resume" if one in self.there:
                self.there[one].resume()
            case "pass":
                await lab.clock.advance(one)
            case "slow":
                cloud.pause = one
            case "tell":
                lab.changed()
            case "rename":
                await lab.rename("toy", f"{lab.providers.get('toy').row.version}")

    async def end(self) -> None:
        """Let everything come to rest, and compare."""
        self.cloud.broken.clear()
        self.cloud.pause = 0.0
        for one in range(WATCHERS):
            await self.step("return", one, None)
            self.there[one].resume()
        await self.lab.clock.advance(4)
        self.lab.changed()
        await self.lab.clock.advance(2)
        for one, watcher in self.there.items():
            assert watcher.error is None
            assert watcher.is_synced
            region, only_running = one == 2, one == 1
            assert watcher.instances == {
                instance.native_id: "RUNNING" if instance.state == RUNNING else "STOPPED"
                for name, instances in self.cloud.fleet.items()
                for instance in instances.values()
                if (not region or name == "west") and (not only_running or instance.state == RUNNING)
            }
            if not SCOPES[one].get("types"):
                assert watcher.provider().etag == f"v{self.lab.providers.get('toy').row.version}"


def test_who_joins_resumes_or_is_slow_ends_with_the_true_state(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "GONE", 2)
    with asyncio.Runner() as runner:
        lab = runner.run(WatchLab.open(tmp_path))
        cloud = runner.run(lab.register())

        async def play(happens: list[tuple[str, Any, Any]]) -> None:
            story = Story(lab, cloud)
            try:
                for what, one, two in happens:
                    await story.step(what, one, two)
                await story.end()
            finally:
                await lab.leave()
                for instances in cloud.fleet.values():
                    instances.clear()

        @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(steps)
        def check(happens: list[tuple[str, Any, Any]]) -> None:
            runner.run(play(happens))

        try:
            check()
        finally:
            runner.run(lab.close())
