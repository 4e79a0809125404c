"""Configuration: a TOML file, then environment, then flags; checked once, at start.

A key that does not exist is an error that names the nearest one that does. Secrets show as "***".
"""

import ipaddress
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from msgspec import Meta, Struct, ValidationError, convert, field
from msgspec.structs import asdict, fields, force_setattr
from novacron_providers.contract.names import PROVIDER_ID
from novacron_providers.contract.secret import Secret

PREFIX = "NOVACRON_"
# Variables of that prefix that other parts read.
FOREIGN = {"NOVACRON_SERVER", "NOVACRON_CONFIG", "NOVACRON_FAILPOINT", "NOVACRON_OUTPUT"}

# What each source says, under the name that it has for people.
_Sources = list[tuple[str, Mapping[str, Any]]]


class ConfigError(Exception):
    """The configuration cannot be used; the message names the key, where it stands, and the way out."""


def _state_folder() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "novacron-cloud"


class ProviderEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A provider that the configuration registers; the fields of ProviderConfig, in TOML."""

    kind: str
    """Adapter: "aws", or the name of a plug-in."""
    display_name: str = ""
    """Name for people."""
    default: bool = False
    """Whether "providers/default" means this one."""
    auth: dict[str, Secret] = field(default_factory=dict)
    """How to sign in; empty means the identity of the machine."""
    default_region: str = ""
    """Region of requests that name none."""
    default_zone: str = ""
    """Zone of requests that name none; empty lets the cloud choose."""
    project: str = ""
    """Account, subscription or project; empty means that of the credentials."""
    timeout: Annotated[float, Meta(gt=0)] | None = None
    """Seconds for one call to the cloud; 10 when absent."""
    max_retries: Annotated[int, Meta(ge=0, le=20)] | None = None
    """Repetitions of one call to the cloud; 4 when absent."""
    endpoint: str = ""
    """Address of the cloud's API in place of the public one."""
    regions: list[str] = field(default_factory=list)
    """Regions to use; empty means every region that the account can use."""
    max_staleness: Annotated[float, Meta(ge=0)] | None = None
    """Greatest age of an answer in seconds where a request names none; 30 when absent."""
    metrics_daily_budget: Annotated[int, Meta(ge=0)] | None = None
    """Most to spend in a day on reading metrics, in what the cloud bills; when it is spent, reads become rare."""
    metrics_interval: Annotated[float, Meta(gt=0)] | None = None
    """Shortest seconds between two reads of a metric."""
    options: dict[str, Any] = field(default_factory=dict)
    """Settings of that kind of provider alone."""


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that `novacron-cloud serve` can be told.

    The same names everywhere: `listen` in the file, NOVACRON_LISTEN in the environment, --listen as a flag. Nested
    keys are joined by "__" in the environment: NOVACRON_PROVIDERS__AWS__KIND.

    Raises ValueError where it is made in code with a listen, database or providers that cannot be.
    """

    listen: str = "127.0.0.1:7443"
    """HOST:PORT (port 0 takes a free one) or unix:PATH; loopback only."""
    database: str = ""
    """URL: sqlite:///PATH or postgresql+psycopg://...; empty means state.db in the state folder."""
    key_file: Path = field(default_factory=lambda: _state_folder() / "sealing.key")
    """File with the key that seals credentials; made with mode 0600 where it is missing."""
    replica: str = ""
    """Name of this process among those that share a PostgreSQL database; empty for one process."""
    lease: Annotated[float, Meta(ge=1)] = 15.0
    """Seconds of silence after which other replicas take over the operations that this one runs."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least level of log lines; a read that succeeds within a second has one at debug, every other call at info."""
    log_format: Literal["json", "console"] = "json"
    """Form of log lines, on standard error."""
    otlp_endpoint: str = ""
    """Where spans and metrics go by OTLP over gRPC, "http://host:4317"; empty: nowhere."""
    shutdown_grace: Annotated[float, Meta(ge=0, le=30)] = 30.0
    """Seconds that calls under way get at a stop."""
    max_concurrent_rpcs: Annotated[int, Meta(gt=0)] = 20_000
    """Calls and streams at once; more are refused with RESOURCE_EXHAUSTED."""
    ready_file: Path | None = None
    """File to write {"address": ..., "pid": ...} to once calls are served."""
    providers: dict[str, ProviderEntry] = field(default_factory=dict)
    """Providers to register at start, by id."""

    def __post_init__(self) -> None:
        _check_listen(self.listen)
        _check_providers(self.providers)
        force_setattr(self, "database", _database(self.database))

    def __repr__(self) -> str:
        return f"Config({self.shown()})"

    def shown(self) -> dict[str, Any]:
        """The configuration in effect, secrets as "***"; what `config show` prints."""
        plain = {name: str(value) if isinstance(value, Path) else value for name, value in asdict(self).items()}
        plain["providers"] = {
            name: asdict(entry) | {"auth": dict.fromkeys(entry.auth, "***")} for name, entry in self.providers.items()
        }
        scheme, at, rest = self.database.rpartition("@")
        if at and ":" in scheme.split("://", 1)[-1]:
            plain["database"] = scheme.rsplit(":", 1)[0] + ":***@" + rest
        return plain


def default_file() -> Path | None:
    """The file that is read when none is named: NOVACRON_CONFIG, ./novacron-cloud.toml, or the one in ~/.config."""
    if named := os.environ.get("NOVACRON_CONFIG"):
        return Path(named)
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    candidates = (Path("novacron-cloud.toml"), Path(base) / "novacron-cloud" / "config.toml")
    return next((path for path in candidates if path.is_file()), None)


def load(file: Path | None = None, flags: Mapping[str, Any] | None = None) -> Config:
    """Read and check the configuration.

    Args:
        file: TOML file; None takes `default_file()`, which may be none at all.
        flags: Values that win over file and environment, by field.

    Raises ConfigError for an unknown key, a bad value, or a file that cannot be read.
    """
    path = file or default_file()
    # What stands first wins.
    sources = [("flags", flags or {}), ("environment", _environment()), (str(path), _read(path) if path else {})]
    values: dict[str, Any] = {}
    for _, source in reversed(sources):
        values = _merged(values, source)
    try:
        return _shaped(values)
    except ValidationError as error:
        faults = [fault for keys, part in _parts(values) if (fault := _fault(keys, part, sources))]
        # What is wrong with nothing by itself is so with all providers together.
        raise ConfigError("; ".join(faults or [_told(("providers",), str(error), sources)])) from None


def _shaped(values: Mapping[str, Any]) -> Config:
    """A Config of plain values; a text is read as a number where one is wanted: the environment has only texts."""
    return convert(values, Config, strict=False, dec_hook=_decoded)


def _decoded(kind: type, value: object) -> Any:
    """A path or a secret."""
    if isinstance(value, kind):
        return value
    if not isinstance(value, str):
        raise ValueError(f"a {kind.__name__.lower()} must be a text")
    return kind(value)


def _merged(base: Any, over: Any) -> Any:
    """Two values in one: tables are joined; of all else the second one counts."""
    if isinstance(base, Mapping) and isinstance(over, Mapping):
        return {**base, **{key: _merged(base.get(key), value) for key, value in over.items()}}
    return over


def _read(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}") from None


def _environment() -> dict[str, Any]:
    """What the environment sets; a variable that is empty sets nothing."""
    found: dict[str, Any] = {}
    known = Config.__struct_fields__
    # Deeper than a provider's own settings there are only texts, also such that look like JSON: keys of accounts do.
    compound = {e.name for kind in (Config, ProviderEntry) for e in fields(kind) if e.default_factory in (dict, list)}
    for name in sorted(os.environ):
        if not name.startswith(PREFIX) or name in FOREIGN:
            continue
        keys = name.removeprefix(PREFIX).lower().split("__")
        if keys[0] not in known:
            near = _near(keys[0], known)
            hint = f"; did you mean {PREFIX}{near.upper()}?" if near else ""
            raise ConfigError(f"environment: {name} is no setting{hint}")
        if text := os.environ[name]:
            value = _json(text) if len(keys) == 2 or (keys[-1] in compound and len(keys) < 4) else text
            for key in reversed(keys):
                value = {key: value}
            found = _merged(found, value)
    return found


def _json(text: str) -> Any:
    """What a text is in JSON, or the text itself."""
    import json

    try:
        return json.loads(text)
    except ValueError:
        return text


def _check_listen(value: str) -> None:
    if value.startswith("unix:") and len(value) > len("unix:"):
        return
    host, colon, port = value.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{value!r} is neither HOST:PORT nor unix:PATH")
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ValueError(
            f"{value!r} is not on loopback; without TLS and authentication only 127.0.0.1, [::1], localhost "
            "or unix:PATH are served"
        )


def _database(value: str) -> str:
    if not value:
        return f"sqlite:///{_state_folder() / 'state.db'}"
    if not value.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg://")):
        raise ValueError("a database must begin with sqlite:/// or postgresql+psycopg://")
    return value.replace("postgresql://", "postgresql+psycopg://", 1)


def _check_providers(value: Mapping[str, ProviderEntry]) -> None:
    for name in value:
        if not PROVIDER_ID.fullmatch(name) or name == "default":
            raise ValueError(
                f'{name!r} must be lower-case letters, digits and "-", beginning with a letter, at most 63, '
                'and not "default"'
            )
    if len(defaults := sorted(name for name, entry in value.items() if entry.default)) > 1:
        raise ValueError(f"only one provider can be the default, not {' and '.join(defaults)}")


def _near(key: str, known: Iterable[str]) -> str:
    # Needed only where something is wrong.
    import difflib

    return next(iter(difflib.get_close_matches(key, list(known), n=1, cutoff=0.5)), "")


def _parts(values: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Each setting and each provider by itself, with the keys that lead to it: msgspec tells one fault at a time."""
    for key, value in values.items():
        if key == "providers" and isinstance(value, Mapping):
            yield from (((key, name), {key: {name: entry}}) for name, entry in value.items())
        else:
            yield (key,), {key: value}


def _fault(keys: tuple[str, ...], part: Mapping[str, Any], sources: _Sources) -> str:
    """One sentence about what is wrong with a part; empty when nothing is."""
    try:
        _shaped(part)
    except ValidationError as error:
        # "Expected `str`, got `int` - at `$.providers[...].regions[1]`"
        text, _, path = str(error).partition(" - at `$.")
        place = (*keys, *re.findall(r"\w+", path)[1:])
        if unknown := re.fullmatch("Object contains unknown field `(.*)`", text):
            known = ProviderEntry if len(keys) > 1 else Config
            near = _near(unknown[1], known.__struct_fields__)
            hint = f"; did you mean {near!r}?" if near else ""
            place = (*place, unknown[1]) if len(keys) > 1 else place
            return f"{_source(place, sources)}: unknown key {'.'.join(place)!r}{hint}"
        return _told(place, text, sources)
    return ""


def _told(place: tuple[str, ...], text: str, sources: _Sources) -> str:
    kind = next((each.type for each in fields(Config) if (each.name,) == place), None)
    choices = f"; it is one of {', '.join(get_args(kind))}" if get_origin(kind) is Literal else ""
    return f"{_source(place, sources)}: {'.'.join(place)}: {text}{choices}"


def _source(place: tuple[str, ...], sources: _Sources) -> str:
    """Where the value that counts comes from: what knows most of the way to it, and of these what wins."""

    def depth(source: tuple[str, Any]) -> int:
        _, table = source
        for steps, key in enumerate(place):
            if not isinstance(table, Mapping) or key not in table:
                return steps
            table = table[key]
        return len(place)

    return max(sources, key=depth)[0]
