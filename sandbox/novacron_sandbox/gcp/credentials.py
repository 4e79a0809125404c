"""Who may call: a service account with its key, one to impersonate, a workload identity pool, a metadata server."""

import json
import secrets
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from novacron_sandbox.gcp.catalog import PROJECT, PROJECT_NUMBER
from novacron_sandbox.gcp.errors import GoogleError, not_authenticated
from novacron_sandbox.gcp.tokens import Signer
from novacron_sandbox.gcp.wire import Answer, Request

ACCOUNT = f"novacron@{PROJECT}.iam.gserviceaccount.com"
TARGET = f"novacron-target@{PROJECT}.iam.gserviceaccount.com"

_POOL = f"//iam.googleapis.com/projects/{PROJECT_NUMBER}/locations/global/workloadIdentityPools/sandbox/providers/oidc"
_ISSUER = "https://oidc.novacron.invalid"
_SUBJECT = "system:serviceaccount:novacron:cloud"
# An assertion is for the address it is sent to, or for one that libraries always name.
_TOKEN_AUDIENCES = ("https://oauth2.googleapis.com/token", "https://accounts.google.com/o/oauth2/token")
_SERVICES = ("https://compute.googleapis.com/", "https://monitoring.googleapis.com/")
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_EXCHANGE_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
_LIFETIME = 3600


class Directory:
    """Issues tokens for those who prove who they are, and knows them again. Any thread may call.

    Tokens expire by the machine's clock, not the sandbox's: an SDK dates its assertions by it.
    """

    def __init__(self, folder: Path, endpoint: str) -> None:
        # Until when each token is good.
        self._tokens: dict[str, float] = {}
        self.token_url = f"{endpoint}/token"
        self._signer = Signer()
        account = {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": secrets.token_hex(20),
            "private_key": self._signer.pem,
            "client_email": ACCOUNT,
            "client_id": "106161803398874989484",
            "token_uri": self.token_url,
            "universe_domain": "googleapis.com",
        }
        now = int(time.time())
        claims = {"iss": _ISSUER, "sub": _SUBJECT, "aud": _POOL, "iat": now, "exp": now + 365 * 86400}
        identity = folder / "identity-token"
        identity.write_text(self._signer.sign(claims))
        external = {
            "type": "external_account",
            "audience": _POOL,
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": self.token_url,
            "credential_source": {"file": str(identity)},
            "universe_domain": "googleapis.com",
        }
        self.access: dict[str, Any] = {
            "token_url": self.token_url,
            "iam_endpoint": endpoint,
            "service_account": ACCOUNT,
        }
        self.access |= {"impersonate": TARGET, "expired_token": self.issue(0)}
        for name, value in (("credentials_file", account), ("external_account_file", external)):
            path = folder / f"{name.removesuffix('_file')}.json"
            path.write_text(json.dumps(value))
            self.access[name] = str(path)

    def issue(self, lifetime: int = _LIFETIME) -> str:
        """Return a new token that is good for so many seconds."""
        token = f"ya29.{secrets.token_urlsafe(48)}"
        self._tokens[token] = time.time() + lifetime
        return token

    def check(self, bearer: str) -> None:
        """Raise GoogleError 401 unless the token of a call is good now: one of ours, or a caller's own JWT."""
        if not bearer:
            raise not_authenticated("Request is missing required authentication credential.", "required")
        if time.time() >= self._tokens.get(bearer, 0.0) and not self._is_signed(bearer):
            raise not_authenticated()

    def token(self, request: Request) -> Answer:
        """Answer the token endpoint: an assertion of the service account, or a token of the pool's provider."""
        form = request.form()
        if form.get("grant_type") == _JWT_GRANT:
            claims = self._signer.claims(form.get("assertion", ""))
            if claims is None or claims.get("iss") != ACCOUNT:
                return _refused("invalid_grant", "Invalid JWT Signature.")
            if claims.get("aud") not in (self.token_url, *_TOKEN_AUDIENCES):
                return _refused("invalid_grant", "Invalid JWT: Failed audience check.")
            return Answer({"access_token": self.issue(), "expires_in": _LIFETIME - 1, "token_type": "Bearer"})
        if form.get("grant_type") == _EXCHANGE_GRANT:
            claims = self._signer.claims(form.get("subject_token", ""))
            if (
                form.get("audience") != _POOL
                or not claims
                or (claims.get("iss"), claims.get("aud")) != (_ISSUER, _POOL)
            ):
                return _refused("invalid_grant", "The subject token or its audience is not of this pool.")
            answer = {"access_token": self.issue(), "expires_in": _LIFETIME, "token_type": "Bearer"}
            return Answer({**answer, "issued_token_type": _ACCESS_TOKEN})
        return _refused("unsupported_grant_type", f"Invalid grant_type: {form.get('grant_type')}")

    def impersonate(self, request: Request) -> Answer:
        """Answer generateAccessToken of IAM Credentials. Raises GoogleError."""
        self.check(request.bearer)
        account = request.path[-1].partition(":")[0]
        if account not in (ACCOUNT, TARGET):
            message = "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)."
            raise GoogleError(403, "forbidden", message)
        asked = request.json() or {}
        lifetime = str(asked.get("lifetime", f"{_LIFETIME}s"))
        seconds = int(lifetime.removesuffix("s")) if lifetime.removesuffix("s").isdigit() else 0
        if not asked.get("scope") or not 0 < seconds <= _LIFETIME:
            raise GoogleError(400, "badRequest", f"Scope is required, lifetime is 1s to {_LIFETIME}s.")
        until = datetime.fromtimestamp(time.time() + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return Answer({"accessToken": self.issue(seconds), "expireTime": until})

    def metadata(self, request: Request) -> Answer:
        """Answer the metadata server of a machine that runs as the service account."""
        flavor = {"Metadata-Flavor": "Google"}
        if request.path != ("",) and request.header("Metadata-Flavor") != "Google":
            return Answer(b"Missing Metadata-Flavor:Google header.", 403, "text/plain", flavor)
        about: dict[str, Any] = {"email": ACCOUNT, "scopes": [_SCOPE], "aliases": ["default"]}
        match request.path:
            case ("",) | ("computeMetadata", "v1"):
                text: Any = "computeMetadata/"
            case ("computeMetadata", "v1", "project", "project-id"):
                text = PROJECT
            case ("computeMetadata", "v1", "project", "numeric-project-id"):
                text = PROJECT_NUMBER
            case ("computeMetadata", "v1", "universe", "universe-domain" | "universe_domain"):
                text = "googleapis.com"
            case ("computeMetadata", "v1", "instance", "service-accounts", who, *rest):
                if who not in ("default", ACCOUNT):
                    return Answer(b"Not Found", 404, "text/plain", flavor)
                match rest:
                    case ["token"]:
                        answer = {"access_token": self.issue(), "expires_in": _LIFETIME - 1, "token_type": "Bearer"}
                        return Answer(answer, headers=flavor)
                    case ["email"]:
                        text = ACCOUNT
                    case ["scopes"]:
                        text = _SCOPE
                    case [] if request.query.get("recursive") == "true":
                        return Answer(about, headers=flavor)
                    case []:
                        text = "aliases\nemail\nscopes\ntoken\n"
                    case _:
                        return Answer(b"Not Found", 404, "text/plain", flavor)
            case _:
                return Answer(b"Not Found", 404, "text/plain", flavor)
        return Answer(text.encode(), content_type="application/text", headers=flavor)

    def _is_signed(self, bearer: str) -> bool:
        """Whether it is a JWT that the service account made for one of the services."""
        claims = self._signer.claims(bearer)
        if claims is None or claims.get("iss") != ACCOUNT or claims.get("sub") != ACCOUNT:
            return False
        return claims.get("aud") in _SERVICES or _SCOPE in str(claims.get("scope", "")).split()


def _refused(code: str, message: str) -> Answer:
    return Answer({"error": code, "error_description": message}, 400)
