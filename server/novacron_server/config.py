"""Configuration: a TOML file, then environment, then flags; checked once, at start.

A key that does not exist is an error that names the nearest one that does. Secrets show as "***".
"""

import ipaddress
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from novacron_providers.contract.names import PROVIDER_ID
from novacron_providers.contract.secret import Secret

from novacron_server.shape import Fault, Limits, merged, shaped

PREFIX = "NOVACRON_"
# Variables of that prefix that other parts read.
FOREIGN = {"NOVACRON_SERVER", "NOVACRON_CONFIG", "NOVACRON_FAILPOINT", "NOVACRON_OUTPUT"}


class ConfigError(Exception):
    """The configuration cannot be used; the message names the key, where it stands, and the way out."""


def _state_folder() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "novacron-cloud"


@dataclass(frozen=True, kw_only=True)
class ProviderEntry:
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
    timeout: Annotated[float, Limits(above=0)] | None = None
    """Seconds for one call to the cloud; 10 when absent."""
    max_retries: Annotated[int, Limits(least=0, most=20)] | None = None
    """Repetitions of one call to the cloud; 4 when absent."""
    endpoint: str = ""
    """Address of the cloud's API in place of the public one."""
    regions: list[str] = field(default_factory=list)
    """Regions to use; empty means every region that the account can use."""
    max_staleness: Annotated[float, Limits(least=0)] | None = None
    """Greatest age of an answer in seconds where a request names none; 30 when absent."""
    metrics_daily_budget: Annotated[int, Limits(least=0)] | None = None
    """Most to spend in a day on reading metrics, in what the cloud bills; when it is spent, reads become rare."""
    metrics_interval: Annotated[float, Limits(above=0)] | None = None
    """Shortest seconds between two reads of a metric."""
    options: dict[str, Any] = field(default_factory=dict)
    """Settings of that kind of provider alone."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """All that `novacron-cloud serve` can be told.

    The same names everywhere: `listen` in the file, NOVACRON_LISTEN in the environment, --listen as a flag. Nested
    keys are joined by "__" in the environment: NOVACRON_PROVIDERS__AWS__KIND.
    """

    listen: str = "127.0.0.1:7443"
    """HOST:PORT (port 0 takes a free one) or unix:PATH; loopback only."""
    database: str = ""
    """URL: sqlite:///PATH or postgresql+psycopg://...; empty means state.db in the state folder."""
    key_file: Path = field(default_factory=lambda: _state_folder() / "sealing.key")
    """File with the key that seals credentials; made with mode 0600 where it is missing."""
    replica: str = ""
    """Name of this process among those that share a PostgreSQL database; empty for one process."""
    lease: Annotated[float, Limits(least=1)] = 15.0
    """Seconds of silence after which other replicas take over the operations that this one runs."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least level of log lines; a read that succeeds within a second has one at debug, every other call at info."""
    log_format: Literal["json", "console"] = "json"
    """Form of log lines, on standard error."""
    otlp_endpoint: str = ""
    """Where spans and metrics go by OTLP over gRPC, "http://host:4317"; empty: nowhere."""
    shutdown_grace: Annotated[float, Limits(least=0, most=30)] = 30.0
    """Seconds that calls under way get at a stop."""
    max_concurrent_rpcs: Annotated[int, Limits(above=0)] = 20_000
    """Calls and streams at once; more are refused with RESOURCE_EXHAUSTED."""
    ready_file: Path | None = None
    """File to write {"address": ..., "pid": ...} to once calls are served."""
    providers: dict[str, ProviderEntry] = field(default_factory=dict)
    """Providers to register at start, by id."""

    def shown(self) -> dict[str, Any]:
        """The configuration in effect, secrets as "***"; what `config show` prints."""
        plain = {name: str(value) if isinstance(value, Path) else value for name, value in vars(self).items()}
        plain["providers"] = {
            name: vars(entry) | {"auth": dict.fromkeys(entry.auth, "***")} for name, entry in self.providers.items()
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
    content = _read(path) if path else {}
    given = flags or {}
    faults: list[Fault] = []
    found = shaped(Config, merged(merged(content, _environment()), given), faults)
    checked = {}
    for name, check in _CHECKS.items() if not faults else ():
        try:
            checked[name] = check(getattr(found, name))
        except ValueError as error:
            faults.append(Fault((name,), str(error)))
    if faults:
        raise ConfigError("; ".join(_told(fault, path, content, given) for fault in faults))
    config: Config = replace(found, **checked)
    return config


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
    known = [setting.name for setting in fields(Config)]
    for name in sorted(os.environ):
        if not name.startswith(PREFIX) or name in FOREIGN:
            continue
        first, *inner = name.removeprefix(PREFIX).lower().split("__")
        if first not in known:
            near = _near(first, known)
            hint = f"; did you mean {PREFIX}{near.upper()}?" if near else ""
            raise ConfigError(f"environment: {name} is no setting{hint}")
        if value := os.environ[name]:
            table: Any = value
            for key in reversed(inner):
                table = {key: table}
            found = merged(found, {first: table})
    return found


def _listen(value: str) -> str:
    if value.startswith("unix:") and len(value) > len("unix:"):
        return value
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
    return value


def _database(value: str) -> str:
    if not value:
        return f"sqlite:///{_state_folder() / 'state.db'}"
    if not value.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg://")):
        raise ValueError("must begin with sqlite:/// or postgresql+psycopg://")
    return value.replace("postgresql://", "postgresql+psycopg://", 1)


def _providers(value: dict[str, ProviderEntry]) -> dict[str, ProviderEntry]:
    for name in value:
        if not PROVIDER_ID.fullmatch(name) or name == "default":
            raise ValueError(
                f'{name!r} must be lower-case letters, digits and "-", beginning with a letter, at most 63, '
                'and not "default"'
            )
    if len(defaults := sorted(name for name, entry in value.items() if entry.default)) > 1:
        raise ValueError(f"only one provider can be the default, not {' and '.join(defaults)}")
    return value


# What a type cannot say of a setting; each gives the value that is taken, or raises ValueError.
_CHECKS: dict[str, Callable[[Any], Any]] = {"listen": _listen, "database": _database, "providers": _providers}


def _near(key: str, known: Iterable[str]) -> str:
    # Needed only where something is wrong.
    import difflib

    return next(iter(difflib.get_close_matches(key, list(known), n=1, cutoff=0.5)), "")


def _told(fault: Fault, path: Path | None, content: Mapping[str, Any], flags: Mapping[str, Any]) -> str:
    """One sentence for one thing that is wrong."""
    key, top = ".".join(fault.place), fault.place[0]
    where = "flags" if top in flags else str(path) if top in content else "environment"
    if fault.known:
        near = _near(fault.place[-1], fault.known)
        return f"{where}: unknown key {key!r}" + (f"; did you mean {near!r}?" if near else "")
    return f"{where}: {key}: {fault.text}"
