"""JSON web tokens, signed and checked with one RSA key."""

import base64
import json
import time
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

# How far the clocks of two machines may be apart.
_SKEW = 60


class Signer:
    """A key made here, and what it signed."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(65537, 2048)

    @property
    def pem(self) -> str:
        """The private key, as a service account's key file holds it."""
        kind, none = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return self._key.private_bytes(serialization.Encoding.PEM, kind, none).decode()

    def sign(self, claims: dict[str, Any]) -> str:
        """Return a token that says this."""
        text = f"{_encode({'alg': 'RS256', 'typ': 'JWT'})}.{_encode(claims)}"
        signature = self._key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{text}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"

    def claims(self, token: str) -> dict[str, Any] | None:
        """Return what a token says if this key signed it and it is good now, else None."""
        text, _, signature = token.rpartition(".")
        try:
            self._key.public_key().verify(_decode(signature), text.encode(), padding.PKCS1v15(), hashes.SHA256())
            header, claims = (json.loads(_decode(part)) for part in text.split("."))
            good = header["alg"] == "RS256" and claims["iat"] - _SKEW <= time.time() <= claims["exp"] + _SKEW
        except (InvalidSignature, ValueError, KeyError, TypeError):
            return None
        return dict(claims) if good else None


def _encode(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
