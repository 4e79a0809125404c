"""Who may call: a service account with its key, one to impersonate, a workload identity pool, a metadata server."""

import json
import secrets
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from novacron_sandbox.gcp.catalog import PROJECT, PROJECT_NUMBER
from novacron_sandbox.gcp.errors import GoogleError, not_authenticated
from novacron_sandbox.tokens import LIFETIME, AccessTokens, Signer
from novacron_sandbox.wire import Answer, Request

ACCOUNT = f"novacron@{PROJECT}.iam.gserviceaccount.com"
TARGET = f"novacron-target@{PROJECT}.iam.gserviceaccount.com"

_POOL = f"//iam.googleapis.com/projects/{PROJECT_NUMBER}/locations/global/workloadIdentityPools/sandbox/providers/oidc"
_ISSUER = "https://oidc.novacron.invalid"
# An assertion is for the address it is sent to, or for one that libraries always name.
_TOKEN_AUDIENCES = ("https://oauth2.googleapis.com/token", "https://accounts.google.com/o/oauth2/token")
_SERVICES = ("https://compute.googleapis.com/", "https://monitoring.googleapis.com/")
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_EXCHANGE_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
# How far the clocks of two machines may be apart.
_SKEW = 60

_FLAVOR = {"Metadata-Flavor": "Google"}
_SELF = "instance/service-accounts/default"
# What a machine finds below /computeMetadata/v1, besides its token.
_METADATA = {
    "": "instance/\nproject/\n",
    "project/project-id": PROJECT,
    "project/numeric-project-id": PROJECT_NUMBER,
    "universe/universe-domain": "googleapis.com",
    "universe/universe_domain": "googleapis.com",
    _SELF: "aliases\nemail\nscopes\ntoken\n",
    f"{_SELF}/email": ACCOUNT,
    f"{_SELF}/scopes": _SCOPE,
}


class Directory:
    """Issues tokens for those who prove who they are, and knows them again. Any thread may call."""

    def __init__(self, folder: Path, endpoint: str) -> None:
        self._tokens, self._signer = AccessTokens(), Signer()
        self._url = f"{endpoint}/token"
        identity = folder / "identity-token"
        now = int(time.time())
        subject = "system:serviceaccount:novacron:cloud"
        identity.write_text(self._signer.sign(iss=_ISSUER, sub=subject, aud=_POOL, iat=now, exp=now + 365 * 86400))
        account = {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": secrets.token_hex(20),
            "private_key": self._signer.pem,
            "client_email": ACCOUNT,
            "client_id": "106161803398874989484",
            "token_uri": self._url,
            "universe_domain": "googleapis.com",
        }
        external = {
            "type": "external_account",
            "audience": _POOL,
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": self._url,
            "credential_source": {"file": str(identity)},
            "universe_domain": "googleapis.com",
        }
        self.access: dict[str, Any] = {
            "token_url": self._url,
            "iam_endpoint": endpoint,
            "service_account": ACCOUNT,
            "impersonate": TARGET,
            "expired_token": self._tokens.issue(0),
        }
        for name, value in (("credentials", account), ("external_account", external)):
            path = folder / f"{name}.json"
            path.write_text(json.dumps(value))
            self.access[f"{name}_file"] = str(path)

    def check(self, bearer: str) -> None:
        """Raise GoogleError 401 unless the token of a call is good now: one of ours, or a caller's own JWT."""
        if not bearer:
            raise not_authenticated("Request is missing required authentication credential.", "required")
        left = self._tokens.left(bearer)
        if not self._is_signed(bearer) if left is None else left <= 0:
            raise not_authenticated()

    def token(self, request: Request) -> Answer:
        """Answer the token endpoint: an assertion of the service account, or a token of the pool's provider."""
        form = request.form
        match form.get("grant_type"):
            case str(grant) if grant == _JWT_GRANT:
                claims = self._claims(form.get("assertion", ""))
                if claims.get("iss") != ACCOUNT:
                    return _refused("invalid_grant", "Invalid JWT Signature.")
                if claims.get("aud") not in (self._url, *_TOKEN_AUDIENCES):
                    return _refused("invalid_grant", "Invalid JWT: Failed audience check.")
                return Answer(200, self._issued())
            case str(grant) if grant == _EXCHANGE_GRANT:
                claims = self._claims(form.get("subject_token", ""))
                if (form.get("audience"), claims.get("iss"), claims.get("aud")) != (_POOL, _ISSUER, _POOL):
                    return _refused("invalid_grant", "The subject token or its audience is not of this pool.")
                return Answer(
                    200, {**self._issued(), "issued_token_type": "urn:ietf:params:oauth:token-type:access_token"}
                )
            case other:
                return _refused("unsupported_grant_type", f"Invalid grant_type: {other}")

    def impersonate(self, request: Request) -> Answer:
        """Answer generateAccessToken of IAM Credentials. Raises GoogleError."""
        self.check(request.bearer)
        if request.parts[-1].partition(":")[0] not in (ACCOUNT, TARGET):
            message = "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)."
            raise GoogleError(403, "forbidden", message)
        asked = request.json or {}
        lifetime = str(asked.get("lifetime", f"{LIFETIME}s")).removesuffix("s")
        seconds = int(lifetime) if lifetime.isdigit() else 0
        if not asked.get("scope") or not 0 < seconds <= LIFETIME:
            raise GoogleError(400, "badRequest", f"Scope is required, lifetime is 1s to {LIFETIME}s.")
        until = datetime.fromtimestamp(time.time() + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return Answer(200, {"accessToken": self._tokens.issue(seconds), "expireTime": until})

    def metadata(self, request: Request) -> Answer:
        """Answer the metadata server of a machine that runs as the service account."""
        if request.path != "/" and request.header("Metadata-Flavor") != "Google":
            return _text("Missing Metadata-Flavor:Google header.", 403)
        path = request.path.removeprefix("/computeMetadata/v1").strip("/").replace(f"/{ACCOUNT}", "/default")
        if path == f"{_SELF}/token":
            return Answer(200, self._issued(), _FLAVOR)
        if path == _SELF and request.query.get("recursive") == "true":
            return Answer(200, {"email": ACCOUNT, "scopes": [_SCOPE], "aliases": ["default"]}, _FLAVOR)
        return _text(_METADATA[path]) if path in _METADATA else _text("Not Found", 404)

    def _issued(self) -> dict[str, Any]:
        return {"access_token": self._tokens.issue(), "expires_in": LIFETIME - 1, "token_type": "Bearer"}

    def _claims(self, token: str) -> dict[str, Any]:
        """What a token says that we signed and that is good now; nothing for any other."""
        claims, now = self._signer.claims(token), time.time()
        return claims if claims and claims.get("iat", now) - _SKEW <= now <= claims["exp"] + _SKEW else {}

    def _is_signed(self, bearer: str) -> bool:
        """Whether it is a JWT that the service account made for one of the services."""
        claims = self._claims(bearer)
        if (claims.get("iss"), claims.get("sub")) != (ACCOUNT, ACCOUNT):
            return False
        return claims.get("aud") in _SERVICES or _SCOPE in str(claims.get("scope", "")).split()


def _refused(code: str, message: str) -> Answer:
    return Answer(400, {"error": code, "error_description": message})


def _text(text: str, status: int = 200) -> Answer:
    return Answer(status, text.encode(), {"Content-Type": "application/text", **_FLAVOR})
