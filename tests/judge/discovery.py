"""Google's side of the judge: exchanges with Google Cloud against Google's own discovery documents.

The documents are data files of google-api-python-client; the package is never imported. What is asked and what is
answered are held to them in both directions: path, query, body; a field that the document does not know is a breach.
gRPC has no such document: there the message classes of Google's library are the contract.
"""

import importlib.util
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

import jsonschema_rs

from tests.judge.verdict import Verdict

# Answers that tell a caller what was wrong with the request: it is known to be, and need not be told again.
_REFUSED = (400, 404, 501)

_INTEGERS = {"int32": (-(2**31), 2**31 - 1), "uint32": (0, 2**32 - 1)}
_TEXTS = {
    "int64": r"^-?[0-9]{1,19}$",
    "uint64": r"^[0-9]{1,20}$",
    "byte": r"^[A-Za-z0-9+/_-]*={0,2}$",
    "date-time": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$",
    "google-datetime": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$",
    "google-duration": r"^-?\d+(\.\d{1,9})?s$",
}
_ERROR = {
    "type": "object",
    "required": ["error"],
    "additionalProperties": False,
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "errors"],
            "additionalProperties": False,
            "properties": {
                "code": {"type": "integer"},
                "message": {"type": "string", "minLength": 1},
                "status": {"type": "string"},
                "errors": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "required": ["message", "domain", "reason"],
                        "additionalProperties": {"type": "string"},
                    },
                },
            },
        }
    },
}


class _Route(NamedTuple):
    pattern: re.Pattern[str]
    names: Sequence[str]
    method: Mapping[str, Any]


class Document:
    """One discovery document ("compute.v1"), as a router and a validator."""

    def __init__(self, name: str) -> None:
        found = importlib.util.find_spec("googleapiclient")
        assert found is not None, "the judge needs google-api-python-client"
        assert found.origin is not None
        path = Path(found.origin).parent / "discovery_cache" / "documents" / f"{name}.json"
        self._document: dict[str, Any] = json.loads(path.read_text())
        self._validators: dict[tuple[str, bool, tuple[str, ...]], jsonschema_rs.Validator] = {}
        self._routes: dict[tuple[str, int], list[_Route]] = {}
        for method in _methods(self._document):
            self._add(method)
        for routes in self._routes.values():
            # Of several templates that fit, the most literal is meant.
            routes.sort(key=lambda route: len(route.names))

    def judge(self, exchange: Mapping[str, Any]) -> Verdict | None:
        """Return the verdict on a recorded exchange; None when its path is not of this document."""
        url = urlsplit(exchange["url"])
        method, values = self._find(exchange["method"], url.path)
        if method is None:
            return None
        status, answer = exchange["status"], exchange["response_body"]
        breaches: list[str] = []
        if status not in _REFUSED:
            query = parse_qsl(url.query, keep_blank_values=True)
            breaches += self._judge_parameters(method, values, query)
            breaches += self._judge_request(method, exchange["request_body"])
        if status >= 400:
            breaches += _errors("answer", _refusal(), answer)
        elif "response" in method:
            breaches += _errors("answer", self._validator(method["response"]["$ref"], strict=True), answer)
        elif answer not in (None, {}):
            breaches.append(f"answer: nothing is to be answered, not {answer!r}")
        return Verdict(method["id"], breaches)

    def _add(self, method: Mapping[str, Any]) -> None:
        path = "/" + str(self._document["servicePath"]) + str(method["path"])
        names, pattern = [], ""
        for part in re.split(r"(\{\+?\w+\})", path):
            if part.startswith("{"):
                name = part.strip("{+}")
                names.append(name)
                pattern += "(.+)" if part[1] == "+" else "([^/:]+)"
            else:
                pattern += re.escape(part)
        depth = -1 if "{+" in path else path.count("/")
        route = _Route(re.compile(pattern), names, method)
        self._routes.setdefault((method["httpMethod"], depth), []).append(route)

    def _find(self, verb: str, path: str) -> tuple[Mapping[str, Any] | None, dict[str, str]]:
        for depth in (path.count("/"), -1):
            for route in self._routes.get((verb, depth), ()):
                if found := route.pattern.fullmatch(path):
                    return route.method, dict(zip(route.names, map(unquote, found.groups()), strict=True))
        return None, {}

    def _judge_parameters(
        self, method: Mapping[str, Any], values: Mapping[str, str], query: Sequence[tuple[str, str]]
    ) -> Iterator[str]:
        known: dict[str, Any] = method.get("parameters", {})
        for name, value in values.items():
            yield from _parameter(f"path {name}", known[name], value)
        seen = set()
        for name, value in query:
            spec = known.get(name) or self._document.get("parameters", {}).get(name)
            if spec is None or spec["location"] != "query":
                yield f"query {name}: the document does not know it"
                continue
            if name in seen and not spec.get("repeated"):
                yield f"query {name}: given twice"
            seen.add(name)
            yield from _parameter(f"query {name}", spec, value)
        for name, spec in known.items():
            if spec.get("required") and spec["location"] == "query" and name not in seen:
                yield f"query {name}: missing"

    def _judge_request(self, method: Mapping[str, Any], body: Any) -> Iterator[str]:
        if "request" not in method:
            # Google reads no body there; Libcloud sends a word.
            if isinstance(body, dict) and body:
                yield f"request: nothing is to be sent, not {body!r}"
            return
        name = method["request"]["$ref"]
        fields: dict[str, Any] = self._document["schemas"][name].get("properties", {})
        required = tuple(
            field for field, spec in fields.items() if method["id"] in spec.get("annotations", {}).get("required", ())
        )
        validator = self._validator(name, strict=False, required=required)
        yield from _errors("request", validator, _without_nulls(body) if body is not None else {})

    def _validator(self, name: str, *, strict: bool, required: tuple[str, ...] = ()) -> jsonschema_rs.Validator:
        key = (name, strict, required)
        if key not in self._validators:
            schema: dict[str, Any] = {"$ref": f"#/$defs/{name}", "$defs": self._closure(name, strict)}
            if required:
                schema["required"] = list(required)
            self._validators[key] = jsonschema_rs.validator_for(schema)
        return self._validators[key]

    def _closure(self, name: str, strict: bool) -> dict[str, Any]:
        """Return a schema and all that it names, so that only what is needed is compiled."""
        found: dict[str, Any] = {}
        waiting = [name]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found[name] = _schema(self._document["schemas"][name], strict)
                waiting += re.findall(r'"#/\$defs/([^"]+)"', json.dumps(found[name]))
        return found


class Google:
    """Judges all that goes to and comes from Google Cloud."""

    def __init__(self) -> None:
        self._documents = [Document("compute.v1"), Document("iamcredentials.v1")]

    def judge(self, exchange: Mapping[str, Any]) -> Verdict:
        """Return the verdict on a recorded exchange (the fields of novacron_sandbox.recorder)."""
        if exchange["method"] == "GRPC":
            return self._judge_rpc(exchange)
        for document in self._documents:
            if verdict := document.judge(exchange):
                return verdict
        operation = f"{exchange['method']} {exchange['url']}"
        if exchange["status"] in _REFUSED:
            return Verdict(operation, [])
        return Verdict(operation, ["path: no document knows it"])

    def _judge_rpc(self, exchange: Mapping[str, Any]) -> Verdict:
        path = exchange["url"]
        operation = path.strip("/").replace("/", ".")
        names = _messages(path)
        if names is None:
            return Verdict(operation, ["path: Google's library does not know it"])
        given = {
            "request": exchange["request_headers"].get("grpc-message-type"),
            "answer": exchange["response_headers"].get("grpc-message-type"),
        }
        if exchange["status"] != 0:
            names.pop("answer", None)
        wrong = [f"{side}: {given[side]}, not {name}" for side, name in names.items() if given[side] != name]
        return Verdict(operation, wrong)


def _methods(resource: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from resource.get("methods", {}).values()
    for below in resource.get("resources", {}).values():
        yield from _methods(below)


def _schema(spec: Mapping[str, Any], strict: bool) -> dict[str, Any]:
    """Return a schema of the document as JSON Schema. `strict` is how servers write; they read numbers more kindly."""
    if "$ref" in spec:
        return {"$ref": f"#/$defs/{spec['$ref']}"}
    match spec.get("type"):
        case "object":
            properties = {name: _schema(one, strict) for name, one in spec.get("properties", {}).items()}
            kind = spec.get("properties", {}).get("kind", {})
            if strict and "default" in kind:
                properties["kind"] = {"const": kind["default"]}
            more = spec.get("additionalProperties")
            return {
                "type": "object",
                "properties": properties,
                "additionalProperties": _schema(more, strict) if more else False,
            }
        case "array":
            return {"type": "array", "items": _schema(spec["items"], strict)}
        case "string":
            return _text(spec, strict)
        case "integer":
            lowest, highest = _INTEGERS[spec.get("format", "int32")]
            return {"type": "integer", "minimum": lowest, "maximum": highest}
        case "number" | "boolean" as kind:
            return {"type": kind}
    return {}


def _text(spec: Mapping[str, Any], strict: bool) -> dict[str, Any]:
    if "enum" in spec:
        return {"enum": list(spec["enum"])}
    form = spec.get("format", "")
    kind: dict[str, Any] = {"type": "string"}
    if form in ("int64", "uint64") and not strict:
        kind = {"type": ["string", "integer"]}
    if form in _TEXTS:
        kind["pattern"] = _TEXTS[form]
    elif "pattern" in spec:
        kind["pattern"] = f"^(?:{spec['pattern']})$"
    return kind


def _parameter(where: str, spec: Mapping[str, Any], value: str) -> Iterator[str]:
    kind = spec["type"]
    if kind == "integer":
        if not re.fullmatch(r"-?\d+", value):
            yield f"{where}: {value!r} is not an integer"
        elif not int(spec.get("minimum", value)) <= int(value) <= int(spec.get("maximum", value)):
            yield f"{where}: {value} is out of bounds"
    if kind == "boolean" and value not in ("true", "false"):
        yield f"{where}: {value!r} is not a boolean"
    if "enum" in spec and value not in spec["enum"]:
        yield f"{where}: {value!r} is none of {', '.join(spec['enum'])}"
    if "pattern" in spec and not re.fullmatch(spec["pattern"], value):
        yield f"{where}: {value!r} does not match {spec['pattern']}"


def _errors(where: str, validator: jsonschema_rs.Validator, value: Any) -> list[str]:
    return [
        f"{where} {'/'.join(map(str, error.instance_path))}: {error.message[:200]}"
        for error in validator.iter_errors(value)
    ]


@cache
def _refusal() -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(_ERROR)


def _without_nulls(value: Any) -> Any:
    """A null in a request is a field that is not set."""
    if isinstance(value, dict):
        return {name: _without_nulls(one) for name, one in value.items() if one is not None}
    return [_without_nulls(one) for one in value] if isinstance(value, list) else value


def _messages(path: str) -> dict[str, str] | None:
    """Return the names of a gRPC method's messages, as Google's library has them; None: it has no such method."""
    from google.cloud import monitoring_v3

    found = re.fullmatch(r"/google\.monitoring\.v3\.(\w+)/(\w+)", path)
    client = getattr(monitoring_v3, f"{found[1]}Client", None) if found else None
    if not found or not hasattr(client, re.sub(r"(?<=.)(?=[A-Z])", "_", found[2]).lower()):
        return None
    names = {"request": f"{found[2]}Request", "answer": f"{found[2]}Response"}
    return {side: f"google.monitoring.v3.{name}" for side, name in names.items() if hasattr(monitoring_v3, name)}
