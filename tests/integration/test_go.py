"""A Go program against a live server: machines made with progress, metrics read with a break, machines deleted."""

import asyncio
import json
import os
import pathlib
import shutil

import novacron_client
import pytest
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_sandbox import Sandbox

from tests.servers import registration, server_process

GO = pathlib.Path(__file__).parents[2] / "clients" / "go"


async def run(*command: str, cwd: pathlib.Path = GO, **more: str) -> tuple[int | None, str]:
    """Run a command to its end: its status, and all that it wrote."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
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


async def program(folder: pathlib.Path) -> str:
    """The tour, built of modules that are on this machine; the test skips where Go or they are not."""
    if shutil.which("go") is None:
        pytest.skip("needs Go")
    offline = {"GOFLAGS": "-mod=readonly", "GOPROXY": "off", "GOTOOLCHAIN": "local"}
    code, text = await run("go", "list", "-deps", "./cmd/tour", **offline)
    if "module lookup disabled by GOPROXY=off" in text or "requires go >=" in text:
        pytest.skip("needs the modules of clients/go: cd clients/go && go mod download")
    assert code == 0, text
    code, text = await run("go", "build", "-o", str(folder / "tour"), "./cmd/tour", **offline)
    assert code == 0, text
    return str(folder / "tour")


@pytest.mark.timeout(300)
async def test_a_go_program_makes_follows_and_deletes_machines(tmp_path: pathlib.Path) -> None:
    tour = await program(tmp_path)
    async with (
        Sandbox(clouds=("aws",), metrics_period=1, metrics_lag=0, boot_seconds=1) as sandbox,
        server_process(tmp_path) as server,
        novacron_client.connect(server.address) as client,
    ):
        request = registration(sandbox)
        request.provider.config.options.update({"metrics.period": 1, "metrics.lag": 0})
        await client.call(request)
        images, types = json.dumps({"aws": sandbox.aws["image"]}), json.dumps({"aws": "t3.micro"})
        where = ("--address", server.address, "--providers", "aws", "--timeout", "100s")
        code, text = await run(tour, *where, "--image", images, "--type", types)
        assert code == 0, text
        assert "OPERATION_STATE_RUNNING" in text
        assert "100 % OPERATION_STATE_SUCCEEDED" in text
        assert "none missed, none doubled" in text
        assert text.rstrip().endswith("deleted")
        assert not (await client.call(pb.ListInstancesRequest(parent="providers/aws"))).instances

        code, text = await run(tour, *where, "--image", '{"aws": "ami-0000000000000dead"}', "--type", types)
        assert code == 1
        assert text.splitlines()[-1].startswith("tour: creating a machine at aws:"), text
