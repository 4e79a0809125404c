"""What the configurations of all clouds have in common, checked and read; errors name config.{field}."""

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from novacron.cloud.v1 import provider_pb2

from novacron_providers.contract.errors import InvalidArgument
from novacron_providers.contract.provider import Settings
from novacron_providers.kit.call import Callers
from novacron_providers.kit.escape import from_struct
from novacron_providers.kit.rates import Rate

# Seconds of one attempt, and repetitions of a call, when the configuration does not say.
TIMEOUT, RETRIES = 10.0, 4
WEB = ("http", "https")
_OPTIONS = "config.options"


def make_callers(kind: str, settings: Settings, rates: Mapping[str, Rate]) -> Callers:
    """The callers of an account, as its configuration wants them."""
    config = settings.config
    return Callers(
        kind,
        settings.provider,
        timeout=_timeout(config),
        attempts=1 + (config.max_retries if config.HasField("max_retries") else RETRIES),
        rates=rates,
        clock=settings.clock,
    )


def check_shared(config: provider_pb2.ProviderConfig, spelling: re.Pattern[str], *, cloud: str, example: str) -> None:
    """Check what means the same everywhere: regions, which are spelt like `example`, timeout and retries.

    Raises InvalidArgument.
    """
    for field, regions in (("config.regions", config.regions), ("config.default_region", [config.default_region])):
        for region in regions:
            if region and not spelling.fullmatch(region):
                raise InvalidArgument(f"{region!r} is not how {cloud} spells a region: {example}", field=field)
    if config.default_region and config.regions and config.default_region not in config.regions:
        raise InvalidArgument(
            f"default_region {config.default_region} is not among regions", field="config.default_region"
        )
    if _timeout(config) <= 0:
        raise InvalidArgument("a timeout is more than 0 s", field="config.timeout")
    if config.max_retries < 0:
        raise InvalidArgument("max_retries must not be negative", field="config.max_retries")


def check_url(text: str, field: str, schemes: Sequence[str] = WEB, *, path: bool = False) -> None:
    """Raise InvalidArgument, naming `field`, unless it is a URL of one of the schemes; with a path only if `path`."""
    url = urlsplit(text)
    bare = not url.query and not url.fragment and (path or not url.path.strip("/"))
    if url.scheme not in schemes or not url.hostname or not bare:
        rest = "" if path else " without a path"
        raise InvalidArgument(f"{text!r} is no {' or '.join(schemes)} URL{rest}", field=field)


def read_options(config: provider_pb2.ProviderConfig, known: Mapping[str, object]) -> dict[str, Any]:
    """The options, over their defaults in `known`, each of the type of its default.

    A text is not empty, a number is one of seconds, a tuple is of URLs and may be given as one of them. Raises
    InvalidArgument, naming config.options.
    """
    found: dict[str, Any] = dict(known)
    for key, value in from_struct(config.options).items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1) or sorted(known)
            raise InvalidArgument(f"there is no option {key!r}; there is {' and '.join(near)}", field=_OPTIONS)
        found[key] = _option(key, value, known[key])
    return found


def _option(key: str, value: Any, default: object) -> object:
    if isinstance(default, tuple):
        urls = [value] if isinstance(value, str) else value
        if not isinstance(urls, list) or not all(isinstance(url, str) for url in urls):
            raise InvalidArgument(f"option {key} is a list of URLs", field=_OPTIONS)
        for url in urls:
            check_url(url, _OPTIONS, path=True)
        return tuple(urls)
    if isinstance(default, str):
        if not isinstance(value, str) or not value:
            raise InvalidArgument(f"option {key} is a text", field=_OPTIONS)
        return value
    least = 1 if key == "metrics.period" else 0
    if not isinstance(value, int | float) or isinstance(value, bool) or value < least:
        raise InvalidArgument(f"option {key} is a number of seconds, at least {least}", field=_OPTIONS)
    return float(value)


def _timeout(config: provider_pb2.ProviderConfig) -> float:
    return config.timeout.ToNanoseconds() / 1e9 if config.HasField("timeout") else TIMEOUT
