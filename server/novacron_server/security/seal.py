"""Credentials at rest: AES-256-GCM under a key that lives in a file of mode 0600, apart from the database."""

import hashlib
import json
import os
import secrets
import stat
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from novacron_providers.contract.errors import CredentialsInvalid
from novacron_providers.contract.secret import Secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_FORMAT = b"nvs1"
_NONCE = 12


class KeyFileError(Exception):
    """The key file cannot be used; the message says why and what to do."""


class Seal:
    """Seals maps of secrets; each sealed text is bound to its owner, so it cannot be moved to another row."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        # Tells under which key a text was sealed, and nothing about the key.
        self._id = hashlib.sha256(b"novacron key id" + key).digest()[:8]

    def __repr__(self) -> str:
        return f"Seal(key {self._id.hex()})"

    @cached_property
    def cipher(self) -> "AESGCM":
        """What seals and opens; made when it is first needed."""
        # A twentieth of all that a start imports, which one without stored credentials has no use for.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return AESGCM(self._key)

    @classmethod
    def from_file(cls, path: Path) -> "Seal":
        """Read the key from `path`, or make it there. Blocking.

        Raises KeyFileError when others can read the file, or when it holds no key.
        """
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            pass
        except OSError as error:
            raise KeyFileError(f"{path}: cannot be made: {error.strerror}") from None
        else:
            with os.fdopen(handle, "w") as file:
                file.write(secrets.token_hex(32) + "\n")
        try:
            mode, text = path.stat().st_mode, path.read_text().strip()
        except OSError as error:
            raise KeyFileError(f"{path}: cannot be read: {error.strerror}") from None
        if stat.S_IMODE(mode) & 0o077:
            raise KeyFileError(f"{path}: others can read it; run: chmod 600 {path}")
        try:
            key = bytes.fromhex(text)
        except ValueError:
            key = b""
        if len(key) != 32:
            raise KeyFileError(f"{path}: holds no key (64 hex digits); restore it from a backup")
        return cls(key)

    def seal(self, owner: str, values: Mapping[str, Secret]) -> bytes:
        """Seal the secrets of `owner`; empty for none."""
        if not values:
            return b""
        nonce = os.urandom(_NONCE)
        plain = json.dumps({name: secret.reveal() for name, secret in values.items()}).encode()
        return _FORMAT + self._id + nonce + self.cipher.encrypt(nonce, plain, owner.encode())

    def open(self, owner: str, sealed: bytes) -> dict[str, Secret]:
        """Give back what was sealed for `owner`.

        Raises CredentialsInvalid when it was sealed under another key or for another owner, or was changed.
        """
        if not sealed:
            return {}
        head, key = sealed[:4], sealed[4:12]
        if head != _FORMAT or key != self._id:
            raise CredentialsInvalid(
                "the stored credentials were sealed with another key; restore the key file, or give them anew "
                "with UpdateProvider"
            )
        from cryptography.exceptions import InvalidTag

        try:
            plain = self.cipher.decrypt(sealed[12 : 12 + _NONCE], sealed[12 + _NONCE :], owner.encode())
        except InvalidTag:
            raise CredentialsInvalid(
                "the stored credentials were changed or belong to another provider; give them anew with UpdateProvider"
            ) from None
        return {name: Secret(value) for name, value in json.loads(plain).items()}
