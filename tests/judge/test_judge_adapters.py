"""The judges hear what our own adapters ask: it conforms; with one field changed it does not."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from novacron.cloud.v1 import compute_pb2
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_providers import azure, gcp
from novacron_providers.contract import Compute, Secret, Settings
from novacron_sandbox import Sandbox

from tests.judge import plugin
from tests.servers import CONFIGS
from tests.unit.providers.operation import MemoryOp

Exchange = dict[str, Any]
PROVIDERS = {"azure": azure.PROVIDER, "gcp": gcp.PROVIDER}
TYPES = {"azure": "Standard_B2s", "gcp": "e2-medium"}
# The request that makes a machine, a change of it, and what the judge says of that.
CHANGES: dict[str, tuple[str, Callable[[Any], object], str]] = {
    "azure": (
        "VirtualMachines_CreateOrUpdate",
        lambda body: body["properties"]["hardwareProfile"].update(vmSize=2),
        "request: properties.hardwareProfile.vmSize: ",
    ),
    "gcp": (
        "compute.instances.insert",
        lambda body: body["disks"][0].update(boot="yes"),
        "request disks/0/boot: ",
    ),
}


async def _create(sandbox: Sandbox, kind: str) -> None:
    config = CONFIGS[kind](sandbox)
    auth = {key: Secret(value) for key, value in config.auth.items()}
    connection = PROVIDERS[kind].connect(Settings(provider=kind, config=config, auth=auth))
    try:
        (compute,) = [area for area in connection.areas if isinstance(area, Compute)]
        image = getattr(sandbox, kind)["image"]
        spec = compute_pb2.InstanceSpec(display_name="judged", image=image, instance_type=TYPES[kind])
        await compute.create_instance(pb.CreateInstanceRequest(parent=f"providers/{kind}", spec=spec), MemoryOp())
    finally:
        await connection.close()


def _recorded(folder: Path) -> list[Exchange]:
    (record,) = folder.glob("*.jsonl")
    return [json.loads(line) for line in record.read_text().splitlines()]


@pytest.mark.parametrize("kind", sorted(PROVIDERS))
async def test_a_changed_field_of_an_adapters_request_fails(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = plugin.judge_of(kind)
    if judge is None:
        pytest.skip("AZURE_SPECS_DIR is not set")
    monkeypatch.setenv("SANDBOX_RECORD", str(tmp_path))
    async with Sandbox(clouds=(kind,), boot_seconds=0.2) as sandbox:
        await _create(sandbox, kind)
    exchanges = _recorded(tmp_path)
    assert [verdict for verdict in map(judge.judge, exchanges) if verdict.breaches] == []
    operation, change, breach = CHANGES[kind]
    exchange = copy.deepcopy(next(one for one in exchanges if judge.judge(one).operation == operation))
    change(exchange["request_body"])
    (found,) = judge.judge(exchange).breaches
    assert found.startswith(breach)
