"""How to sign in to Google Cloud: the keys of ProviderConfig.auth."""

import json
import pathlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from novacron_providers.contract.errors import InvalidArgument
from novacron_providers.contract.secret import Secret

KEYS = ("service_account_json", "external_account_json", "impersonate")
_FIELD = "config.auth"
_NONE = Secret("")
_PRINCIPAL = re.compile(r"[\w.-]+@[\w.-]+\.[a-z]+")
# Google's own token services, also regional ones and those for mutual TLS.
_GOOGLE = re.compile(
    r"(?:[\w-]+[.-])?(?:oauth2|sts|iamcredentials)(?:\.[\w-]+){0,2}\.googleapis\.com|accounts\.google\.com"
)
_IN_KEY = ("private_key", "client_email", "token_uri")
_IN_EXTERNAL = ("audience", "subject_token_type", "token_url", "credential_source")
_SOURCES = ("file", "url")


@dataclass(frozen=True, slots=True)
class Auth:
    """What to sign in with; empty parts are not used.

    Attributes:
        service_account_json: Text of a service account's key file.
        external_account_json: Text of a configuration of workload identity federation, whose credential_source is a
            file or a URL. It names addresses that tokens are sent to and read from: each must be Google's, or below one
            of the option gcp.token_urls. A source that runs a program is refused.
        impersonate: Service account to act as, with what signs in otherwise.

    Without the first two the identity of the machine signs in: metadata server, or what the SDK finds besides.
    """

    service_account_json: Secret = _NONE
    external_account_json: Secret = _NONE
    impersonate: Secret = _NONE
    # Not shown: a document holds the secret itself.
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, auth: Mapping[str, Secret], token_urls: Sequence[str] = ()) -> "Auth":
        """Take the keys of a configuration; raises InvalidArgument, naming config.auth, for what cannot be."""
        for name in auth:
            if name not in KEYS:
                raise InvalidArgument(f"auth has no key {name!r}; it takes {', '.join(KEYS)}", field=_FIELD)
        key, external, target = (auth.get(known, _NONE) for known in KEYS)
        if key and external:
            raise InvalidArgument(f"auth has {KEYS[0]} and {KEYS[1]}; one of them signs in", field=_FIELD)
        if target and not _PRINCIPAL.fullmatch(target.reveal()):
            raise InvalidArgument("impersonate is the e-mail address of a service account", field=_FIELD)
        document: Mapping[str, Any] = {}
        if key:
            document = _document(key, KEYS[0], "service_account", _IN_KEY)
            _check_address(document["token_uri"], f"{KEYS[0]}.token_uri", ("https", "http"))
            if "PRIVATE KEY" not in document["private_key"]:
                raise InvalidArgument(f"{KEYS[0]}.private_key is no PEM text of a private key", field=_FIELD)
        elif external:
            document = _document(external, KEYS[1], "external_account", _IN_EXTERNAL)
            _check_external(document, token_urls)
        return cls(key, external, target, document)


def _document(secret: Secret, key: str, kind: str, needed: Sequence[str]) -> Mapping[str, Any]:
    try:
        document = json.loads(secret.reveal())
    except ValueError:
        document = None
    if not isinstance(document, dict):
        # What the parser says would show some of the text.
        raise InvalidArgument(f"{key} is the text of a JSON file, not its path", field=_FIELD)
    if document.get("type") != kind:
        raise InvalidArgument(f"{key} is of the type {document.get('type')!r}, and must be {kind!r}", field=_FIELD)
    for name in needed:
        wanted = dict if name == "credential_source" else str
        if not document.get(name) or not isinstance(document[name], wanted):
            raise InvalidArgument(f"{key} lacks {name}", field=_FIELD)
    return document


def _check_external(document: Mapping[str, Any], token_urls: Sequence[str]) -> None:
    source = document["credential_source"]
    kinds = [kind for kind in ("file", "url", "executable", "environment_id", "certificate") if kind in source]
    if len(kinds) != 1 or kinds[0] not in _SOURCES:
        raise InvalidArgument(
            f"{KEYS[1]}.credential_source is a {' or a '.join(_SOURCES)}; "
            f"{kinds[0] if len(kinds) == 1 else 'what it has'} is not taken",
            field=_FIELD,
        )
    if "file" in source and not pathlib.PurePath(str(source["file"])).is_absolute():
        raise InvalidArgument(f"{KEYS[1]}.credential_source.file is an absolute path", field=_FIELD)
    addresses = {name: value for name, value in document.items() if name.endswith("_url")}
    if "url" in source:
        addresses["credential_source.url"] = source["url"]
    for name, address in addresses.items():
        if not is_trusted(str(address), token_urls, google=name != "credential_source.url"):
            raise InvalidArgument(
                f"{KEYS[1]}.{name} is neither Google's nor below one of the option gcp.token_urls", field=_FIELD
            )


def is_trusted(address: str, token_urls: Sequence[str], *, google: bool = True) -> bool:
    """Whether tokens may be sent there: to Google's own services over TLS, or below an address of the list."""
    url = urlsplit(address)
    if url.username or url.password or ".." in url.path or "\\" in address:
        return False
    try:
        port = url.port
    except ValueError:
        return False
    if google and url.scheme == "https" and port in (None, 443) and _GOOGLE.fullmatch(url.hostname or ""):
        return True
    for allowed in map(urlsplit, token_urls):
        below = allowed.path.rstrip("/")
        if (url.scheme, url.hostname, port) == (allowed.scheme, allowed.hostname, allowed.port) and (
            url.path == below or url.path.startswith(f"{below}/")
        ):
            return True
    return False


def _check_address(text: str, name: str, schemes: Sequence[str]) -> None:
    url = urlsplit(text)
    if url.scheme not in schemes or not url.hostname:
        raise InvalidArgument(f"{name} is no {' or '.join(schemes)} URL", field=_FIELD)
