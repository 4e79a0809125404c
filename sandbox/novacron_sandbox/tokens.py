"""Tokens: JSON web tokens that a key signs, and opaque ones that whoever gave them out knows again."""

import base64
import json
import secrets
import time
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

LIFETIME = 3600


class Signer:
    """An RSA key made here, and what it signed."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(65537, 2048)

    @property
    def pem(self) -> str:
        """The private key in PKCS #8."""
        kind, none = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return self.key.private_bytes(serialization.Encoding.PEM, kind, none).decode()

    def sign(self, **claims: Any) -> str:
        """Return a token that says this."""
        text = f"{_encode({'alg': 'RS256', 'typ': 'JWT'})}.{_encode(claims)}"
        signature = self.key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{text}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"

    def claims(self, token: str) -> dict[str, Any] | None:
        """Return what a token says, which may be over, or None when this key did not sign it."""
        text, _, signature = token.rpartition(".")
        try:
            header, claims = (json.loads(_decode(part)) for part in text.split("."))
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO)
            scheme = {"RS256": padding.PKCS1v15(), "PS256": pss}[header["alg"]]
            self.key.public_key().verify(_decode(signature), text.encode(), scheme, hashes.SHA256())
            return {**claims, "exp": float(claims["exp"])}
        except (InvalidSignature, ValueError, KeyError, TypeError):
            return None


class AccessTokens:
    """Tokens and until when they are good: by the machine's clock, not the sandbox's, because SDKs go by it."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def issue(self, seconds: float = LIFETIME) -> str:
        """Return a new token that is good for so long."""
        token = f"ya29.{secrets.token_urlsafe(48)}"
        self._until[token] = time.time() + seconds
        return token

    def left(self, token: str) -> float | None:
        """Return the seconds for which a token is still good; None when it was not given out here."""
        return self._until[token] - time.time() if token in self._until else None


def _encode(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
