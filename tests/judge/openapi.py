"""Azure's side of the judge: exchanges with Azure against Microsoft's own OpenAPI documents.

What is asked and what is answered are held to them in both directions: method and path, query, versions, required and
unknown properties, what is read-only or secret, enums, statuses, and the headers of long-running operations.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

import jsonschema_rs

from tests.judge.verdict import Verdict

_METHODS = ("get", "put", "post", "patch", "delete", "head")
# Answers that tell a caller what was wrong with the request: it is known to be, and need not be told again.
# The door of custom metrics is described in Microsoft's documentation alone.
_WITHOUT_DOCUMENT = re.compile(r".*/virtualMachines/[^/]+/metrics")
_REFUSED = (400, 401, 404, 405)
# Versions that Microsoft's libraries ask for, and the version of the document that they are held to.
_NEWER = {"2026-04-01": "2024-07-01", "2026-03-02": "2024-03-02", "2025-04-01": "2024-07-01"}
# Its requests are those of a client that nobody here wrote, to old versions: only what it is answered is judged.
_FOREIGN = "libcloud"
# Documents of other kinds: bodies in XML, types in another language, examples.
_NOT = ("examples", "bicep-types", "Microsoft.FileStorage")
_POLL = re.compile(
    r"/subscriptions/[^/]+/providers/[^/]+/locations/[^/]+/(operations|operationresults)/[^/]+", re.IGNORECASE
)
_STATUS = {
    "type": "object",
    "required": ["status"],
    "properties": {
        "id": {"type": "string"},
        "name": {"type": "string"},
        "status": {"type": "string"},
        "startTime": {"type": "string", "format": "date-time"},
        "endTime": {"type": "string", "format": "date-time"},
        "percentComplete": {"type": "number"},
        "error": {"type": "object", "required": ["code", "message"]},
        "properties": {},
    },
    "additionalProperties": False,
}
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
        }
    },
}
# Where the document is known to be wrong. Log Analytics: cells are said to be strings, and are of their column's type.
_CORRECTED = {("table", "rows"): {"type": "array", "items": {"type": "array"}}}

Schema = dict[str, Any]


class _Place(NamedTuple):
    """A part of a document, and the file that its references start from."""

    value: Any
    file: Path


class _Operation(NamedTuple):
    method: str
    pattern: re.Pattern[str]
    literal: int
    version: str
    parameters: list[_Place]
    place: _Place

    @property
    def id(self) -> str:
        return str(self.place.value["operationId"])


class Azure:
    """Judges all that goes to and comes from Azure, by the documents below a folder."""

    def __init__(self, folder: Path) -> None:
        self._files: dict[Path, Any] = {}
        self._operations: list[_Operation] = []
        self._validators: dict[tuple[str, str], jsonschema_rs.Validator] = {}
        for file in sorted(folder.resolve().rglob("*.json")):
            if not set(_NOT) & set(file.parts):
                self._operations += self._read(file)
        # Of several templates that fit, the most literal is meant.
        self._operations.sort(key=lambda operation: -operation.literal)

    def judge(self, exchange: Mapping[str, Any]) -> Verdict:
        """Return the verdict on a recorded exchange (the fields of novacron_sandbox.recorder)."""
        url, status = urlsplit(exchange["url"]), exchange["status"]
        path = unquote(url.path).replace("//", "/").rstrip("/")
        headers = {name.lower(): value for name, value in exchange["response_headers"].items()}
        if found := _POLL.fullmatch(path):
            return Verdict(f"Poll_{found[1]}", list(self._judge_poll(found[1], exchange, headers)))
        operation = self._find(exchange["method"], path)
        if operation is None:
            known = status in _REFUSED or _WITHOUT_DOCUMENT.fullmatch(path)
            breaches = [] if known else ["path: no document knows it"]
            return Verdict(f"{exchange['method']} {path}", breaches)
        breaches = []
        foreign = _FOREIGN in exchange["request_headers"].get("user-agent", "").lower()
        if status not in _REFUSED and not foreign:
            query = dict(parse_qsl(url.query, keep_blank_values=True))
            breaches += self._judge_query(operation, query)
            breaches += self._judge_request(operation, exchange["request_body"])
        breaches += self._judge_answer(operation, status, exchange["response_body"], headers)
        return Verdict(operation.id, breaches)

    def _read(self, file: Path) -> Iterator[_Operation]:
        document = self._document(file)
        base = document.get("basePath", "").rstrip("/")
        for path, item in {**document.get("paths", {}), **document.get("x-ms-paths", {})}.items():
            template = (base + path.partition("?")[0]).rstrip("/")
            if re.match(r"/\{(resourceId|scope|resourceUri)\}", template):
                # They would take every path for theirs.
                continue
            pieces = re.split(r"(\{[^}]+\})", template)
            literal = "".join(piece for piece in pieces if not piece.startswith("{"))
            pattern = "".join("[^/]+" if piece.startswith("{") else re.escape(piece) for piece in pieces)
            for method in set(_METHODS) & set(item):
                operation = item[method]
                given = [*operation.get("parameters", []), *item.get("parameters", [])]
                parameters = [self._followed(_Place(parameter, file)) for parameter in given]
                compiled = re.compile(pattern, re.IGNORECASE)
                version = document["info"]["version"]
                yield _Operation(method.upper(), compiled, len(literal), version, parameters, _Place(operation, file))

    def _find(self, method: str, path: str) -> _Operation | None:
        fitting = (one for one in self._operations if one.method == method and one.pattern.fullmatch(path))
        return next(fitting, None)

    def _judge_poll(self, kind: str, exchange: Mapping[str, Any], headers: Mapping[str, str]) -> Iterator[str]:
        if exchange["status"] >= 400:
            yield from _errors("answer", _compiled_error(), exchange["response_body"])
        elif kind.lower() == "operations":
            yield from _errors("answer", _compiled_status(), exchange["response_body"])
        elif exchange["status"] == 202 and "location" not in headers:
            yield "answer: headers: 202 without Location"

    def _judge_query(self, operation: _Operation, query: Mapping[str, str]) -> Iterator[str]:
        known = {p.value["name"].lower(): p.value for p in operation.parameters if p.value["in"] == "query"}
        given = {name.lower(): value for name, value in query.items()}
        for name, parameter in known.items():
            if parameter.get("required") and name not in given:
                yield f"request: query.{name}: is required"
        for name, value in given.items():
            # It is part of a link that Azure made.
            if name not in known and name != "$skiptoken":
                yield f"request: query.{name}: the document does not know it"
            elif name in known:
                yield from _parameter(known[name], value)
        version = given.get("api-version", operation.version)
        if _NEWER.get(version, version) != operation.version:
            yield f"request: query.api-version: {version} is not {operation.version}, by which it is judged"

    def _judge_request(self, operation: _Operation, body: Any) -> Iterator[str]:
        declared = next((p for p in operation.parameters if p.value["in"] == "body"), None)
        if declared is None:
            if body is not None:
                yield "request: body: the document knows of none"
        elif body is not None:
            validator = self._validator(f"{operation.id} request", "request", declared)
            yield from _errors("request", validator, body)
        elif declared.value.get("required"):
            yield "request: body: is required"

    def _judge_answer(self, operation: _Operation, status: int, body: Any, headers: Mapping[str, str]) -> Iterator[str]:
        responses = operation.place.value["responses"]
        if status >= 500 and body is None:
            # A page of some machine in between: no document speaks of it.
            return
        if status == 429 and not headers.get("retry-after", "").isdigit():
            yield "answer: headers.Retry-After: a 429 says how many seconds to wait"
        response = responses.get(str(status))
        if status >= 400 and response is None:
            if operation.method != "HEAD":
                yield from _errors("answer", _compiled_error(), body)
            return
        if response is None:
            yield f"answer: status: {status} is not declared ({', '.join(sorted(responses))} are)"
            return
        declared = self._followed(_Place(response, operation.place.file))
        if "schema" in declared.value and not (status == 202 and body is None):
            validator = self._validator(f"{operation.id} {status}", "answer", declared)
            yield from _errors("answer", validator, body)
        elif "schema" not in declared.value and body is not None:
            yield "answer: body: the document knows of none"
        if operation.place.value.get("x-ms-long-running-operation"):
            state = ((body or {}).get("properties") or {}).get("provisioningState", "Succeeded")
            pending = status == 202 or (status in (200, 201) and state not in ("Succeeded", "Failed", "Canceled"))
            if pending and not {"azure-asyncoperation", "location"} & set(headers):
                yield f"answer: headers: {status} with neither Azure-AsyncOperation nor Location"
        elif status == 202:
            yield "answer: status: 202 of an operation that is not long-running"

    def _document(self, file: Path) -> Any:
        if file not in self._files:
            self._files[file] = json.loads(file.read_text())
        return self._files[file]

    def _followed(self, place: _Place) -> _Place:
        value, file = place
        while "$ref" in value:
            name, _, fragment = value["$ref"].partition("#")
            if name:
                file = (file.parent / name).resolve()
            value = self._document(file)
            for part in fragment.strip("/").split("/"):
                value = value[part.replace("~1", "/").replace("~0", "~")]
        return _Place(value, file)

    def _validator(self, name: str, way: str, holder: _Place) -> jsonschema_rs.Validator:
        if (name, way) not in self._validators:
            definitions: Schema = {}
            schema = _Converter(self, way, definitions).schema(_Place(holder.value["schema"], holder.file))
            whole = {**schema, "$defs": definitions}
            self._validators[name, way] = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
        return self._validators[name, way]


class _Converter:
    """Turns Swagger's schemas into JSON Schemas that refuse what is not declared, for one way of travel."""

    def __init__(self, documents: Azure, way: str, definitions: Schema) -> None:
        self._documents, self._way, self._definitions = documents, way, definitions

    def schema(self, place: _Place) -> Schema:
        """Convert a schema; what it refers to goes to the definitions once."""
        if "$ref" not in place.value:
            return self._body(place, "")
        found = self._documents._followed(place)
        name = place.value["$ref"].rpartition("/")[2]
        key = re.sub(r"[^A-Za-z0-9]", "_", f"{found.file}_{name}")
        if key not in self._definitions:
            self._definitions[key] = {}
            self._definitions[key].update(self._body(found, name))
        return {"$ref": f"#/$defs/{key}"}

    def _body(self, place: _Place, name: str) -> Schema:
        value, file = place
        kind = value.get("type")
        if kind == "array":
            return {"type": "array", "items": self.schema(_Place(value.get("items", {}), file))}
        if kind in ("string", "integer", "number", "boolean"):
            limits = ("pattern", "minLength", "maxLength", "minimum", "maximum")
            out = {"type": kind, **{limit: value[limit] for limit in limits if limit in value}}
            if value.get("format") == "date-time":
                out["format"] = "date-time"
            if "enum" in value and not value.get("x-ms-enum", {}).get("modelAsString", False):
                out["enum"] = value["enum"]
            return out
        properties, required, others = self._flat(place)
        out = {"type": "object"} if properties or kind == "object" else {}
        if properties:
            hidden = {prop for prop, part in properties.items() if self._hidden(part)}
            out["properties"] = {
                prop: _CORRECTED.get((name, prop)) or self.schema(part)
                for prop, part in properties.items()
                if prop not in hidden
            }
            out["required"] = sorted(required - hidden)
        if others is not None and isinstance(others.value, dict) and others.value:
            out["additionalProperties"] = self.schema(others)
        elif others is None and properties and "discriminator" not in value:
            out["additionalProperties"] = False
        return out

    def _hidden(self, place: _Place) -> bool:
        """Whether a property must not travel this way: read-only ones to Azure, secret ones from it."""
        mark = "readOnly" if self._way == "request" else "x-ms-secret"
        return bool(place.value.get(mark) or self._documents._followed(place).value.get(mark))

    def _flat(self, place: _Place) -> tuple[dict[str, _Place], set[str], _Place | None]:
        """Merge a schema with all that it extends."""
        value, file = self._documents._followed(place)
        properties: dict[str, _Place] = {}
        required: set[str] = set(value.get("required", []))
        others: _Place | None = None
        for part in value.get("allOf", []):
            inherited, needed, more = self._flat(_Place(part, file))
            properties |= inherited
            required |= needed
            others = others or more
        properties |= {name: _Place(part, file) for name, part in value.get("properties", {}).items()}
        if "additionalProperties" in value:
            others = _Place(value["additionalProperties"], file)
        return properties, required, others


def _parameter(parameter: Mapping[str, Any], value: str) -> Iterator[str]:
    where, kind = f"request: query.{parameter['name']}", parameter.get("type")
    if kind == "integer" and not value.lstrip("-").isdigit():
        yield f"{where}: {value!r} is no integer"
    elif kind == "boolean" and value.lower() not in ("true", "false"):
        yield f"{where}: {value!r} is no boolean"
    fixed = "enum" in parameter and not parameter.get("x-ms-enum", {}).get("modelAsString", False)
    if fixed and value not in parameter["enum"]:
        yield f"{where}: {value!r} is none of {parameter['enum']}"


def _errors(where: str, validator: jsonschema_rs.Validator, value: Any) -> list[str]:
    return [
        f"{where}: {'.'.join(map(str, error.instance_path)) or 'body'}: {error.message[:300]}"
        for error in validator.iter_errors(_without_nulls(value))
    ]


def _without_nulls(value: Any) -> Any:
    """Null is the same as absent to Azure."""
    if isinstance(value, dict):
        return {name: _without_nulls(part) for name, part in value.items() if part is not None}
    return [_without_nulls(part) for part in value] if isinstance(value, list) else value


@cache
def _compiled_status() -> jsonschema_rs.Validator:
    return jsonschema_rs.Draft202012Validator(_STATUS, validate_formats=True)


@cache
def _compiled_error() -> jsonschema_rs.Validator:
    return jsonschema_rs.Draft202012Validator(_ERROR)
