"""A Go program against a live server: machines made with progress, metrics read with a break, machines deleted."""

import asyncio
import json
import os
import pathlib
import re
import shutil

import novacron_client
import pytest
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_sandbox import Sandbox
from novacron_sandbox.clouds import CLOUDS

from tests.servers import registration, server_process

GO = pathlib.Path(__file__).parents[2] / "clients" / "go"


async def run(*command: str, **more: str) -> tuple[int | None, str]:
    """Run a command to its end: its status, and all that it wrote."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=GO,
        env={**os.environ, **more},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    return process.returncode, output.decode()


OFFLINE = {"GOFLAGS": "-mod=readonly", "GOPROXY": "off", "GOTOOLCHAIN": "local"}


async def need_go() -> None:
    """Skip the test where Go, or a module that clients/go names, is not on this machine."""
    if shutil.which("go") is None:
        pytest.skip("needs Go")
    code, text = await run("go", "list", "-test", "-deps", "./...", **OFFLINE)
    if "module lookup disabled by GOPROXY=off" in text or "requires go >=" in text:
        pytest.skip("needs the modules of clients/go: cd clients/go && go mod download")
    assert code == 0, text


@pytest.mark.timeout(300)
async def test_the_go_code_is_formatted_and_its_own_tests_pass() -> None:
    await need_go()
    assert await run("gofmt", "-l", "novacron", "cmd") == (0, "")
    code, text = await run("go", "test", "-vet=all", "./novacron", "./cmd/...", **OFFLINE)
    assert code == 0, text


@pytest.mark.timeout(300)
async def test_a_go_program_makes_follows_and_deletes_machines(tmp_path: pathlib.Path) -> None:
    await need_go()
    tour = str(tmp_path / "tour")
    code, text = await run("go", "build", "-o", tour, "./cmd/tour", **OFFLINE)
    assert code == 0, text
    async with (
        Sandbox(metrics_period=1, metrics_lag=0, boot_seconds=1) as sandbox,
        server_process(tmp_path) as server,
        novacron_client.connect(server.address) as client,
    ):
        for kind in CLOUDS:
            request = registration(sandbox, kind, kind)
            request.provider.config.options.update({"metrics.period": 1, "metrics.lag": 0})
            await client.call(request)
        clouds = {kind: getattr(sandbox, kind) for kind in CLOUDS}
        images = {kind: cloud["image"] for kind, cloud in clouds.items()}
        types = json.dumps({kind: cloud.get("instance_type", "t3.micro") for kind, cloud in clouds.items()})
        where = ("--address", server.address, "--timeout", "100s", "--type", types)
        code, text = await run(tour, *where, "--providers", ",".join(CLOUDS), "--image", json.dumps(images))
        assert code == 0, text
        lines = text.splitlines()
        assert len([line for line in lines if "none missed, none doubled" in line]) == 1, text
        for kind in CLOUDS:
            method = f"{kind} ProviderService/CreateInstance "
            assert any(line.startswith(method) and "OPERATION_STATE_RUNNING" in line for line in lines), text
            assert any(line.startswith(method) and "100 % OPERATION_STATE_SUCCEEDED" in line for line in lines), text
            for end in (r"told \d+ times", "deleted"):
                assert re.search(rf"^providers/{kind}/instances/\S+ {end}$", text, re.MULTILINE), text
        assert not (await client.call(pb.ListInstancesRequest(parent="providers/-"))).instances

        # Where one fails, nothing is left of the other.
        images["aws"] = "ami-0000000000000dead"
        code, text = await run(tour, *where, "--providers", "aws,gcp", "--image", json.dumps(images))
        assert code == 1
        assert re.search("^tour: creating a machine at aws:", text, re.MULTILINE), text
        assert not (await client.call(pb.ListInstancesRequest(parent="providers/-"))).instances
