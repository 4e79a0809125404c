"""A resource type is a few lines of a table: one is added here, from outside, and lives like all the others."""

import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from novacron_sandbox import clouds
from novacron_sandbox.azure import arm
from novacron_sandbox.azure.kinds import Kind
from novacron_sandbox.clock import Clock
from novacron_sandbox.gcp.kinds import TYPES
from novacron_sandbox.gcp.resources import Type

from tests.unit.sandbox.google import from_key, token


class Caller:
    """Calls a cloud with a token; a refusal is returned like an answer."""

    def __init__(self, root: str, query: str, bearer: str, trust: ssl.SSLContext | None = None) -> None:
        self._root, self._query, self._bearer, self._trust = root, query, bearer, trust

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named["Authorization"] = f"Bearer {self._bearer}"
        request = urllib.request.Request(f"{self._root}/{path}{self._query}", data, named, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20, context=self._trust) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, json.load(refusal)


def test_a_type_of_azure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = Kind("RouteTables", "Microsoft.Network/routeTables", defaults={"routes": []}, read_only=("resourceGuid",))
    monkeypatch.setattr(arm, "KINDS", (*arm.KINDS, kind))
    running = clouds.start("azure", clouds.Options(Clock(), tmp_path, boot_seconds=0))
    access, trust = running.ready, ssl.create_default_context(cafile=running.ready["ca_file"])
    form = {
        "grant_type": "client_credentials",
        "scope": "https://management.azure.com/.default",
        **{name: access[name] for name in ("client_id", "client_secret")},
    }
    entra = f"{access['endpoint']}/{access['tenant_id']}/oauth2/v2.0/token"
    with urllib.request.urlopen(entra, urllib.parse.urlencode(form).encode(), timeout=20, context=trust) as answer:
        bearer = json.load(answer)["access_token"]
    root = f"{access['endpoint']}/subscriptions/{access['subscription_id']}"
    call = Caller(root, "?api-version=2024-03-01", bearer, trust)
    tables = "resourceGroups/novacron/providers/Microsoft.Network/routeTables"
    status, made = call("PUT", f"{tables}/one", {"location": "westeurope"})
    assert (status, made["properties"]["routes"], made["properties"]["provisioningState"]) == (201, [], "Succeeded")
    status, changed = call("PATCH", f"{tables}/one", {"tags": {"a": "b"}}, If_Match=made["etag"])
    assert (status, changed["tags"], changed["etag"] != made["etag"]) == (200, {"a": "b"}, True)
    assert call("PUT", f"{tables}/one", {"location": "westeurope"}, If_Match=made["etag"])[0] == 412
    everywhere = "providers/Microsoft.Network/routeTables"
    assert [one["name"] for one in call("GET", everywhere)[1]["value"]] == ["one"]
    assert call("DELETE", f"{tables}/one")[0] in (200, 202)
    assert call("GET", f"{tables}/one")[0] == 404
    running.stop()


def test_a_type_of_google_cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TYPES, "routers", Type("routers", "router", "regions"))
    running = clouds.start("gcp", clouds.Options(Clock(), tmp_path, boot_seconds=0))
    access = running.ready
    bearer = token(from_key(json.loads(Path(access["credentials_file"]).read_text())))
    call = Caller(f"{access['endpoint']}/compute/v1/projects/{access['project']}", "", bearer)
    router = {"name": "one", "network": f"projects/{access['project']}/global/networks/default"}
    status, begun = call("POST", "regions/us-central1/routers", router)
    assert (status, begun["kind"], begun["operationType"]) == (200, "compute#operation", "insert")
    assert call("POST", f"regions/us-central1/operations/{begun['name']}/wait", {})[1]["status"] == "DONE"
    assert call("POST", "regions/us-central1/routers", router)[0] == 409
    found = call("GET", "aggregated/routers")[1]["items"]
    assert [one["name"] for one in found["regions/us-central1"]["routers"]] == ["one"]
    assert call("DELETE", "regions/us-central1/routers/one")[0] == 200
    assert call("GET", "regions/us-central1/routers/one")[0] == 404
    running.stop()
