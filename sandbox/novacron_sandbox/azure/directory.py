"""Who may call: Entra ID's token endpoint, the metadata service of a machine and that of App Service."""

import base64
import hmac
import json
import secrets
import time
import uuid
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from novacron_sandbox.azure.errors import ArmError
from novacron_sandbox.azure.wire import Answer, Request

# By the machine's clock, not the sandbox's: an SDK keeps a token by it.
_LIFETIME = 3600
_CLUSTER = "https://cluster.sandbox.invalid"
_SUBJECT = "system:serviceaccount:novacron:server"
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_RESOURCES = (
    "https://management.azure.com",
    "https://management.core.windows.net",
    "https://metrics.monitor.azure.com",
    "https://api.loganalytics.io",
)


class Directory:
    """One tenant with one application, which logs in with a secret, a certificate or a token of a cluster."""

    def __init__(self, endpoint: str, key: rsa.RSAPrivateKey, folder: Path) -> None:
        self._endpoint, self._key, self._sealing = endpoint, key, secrets.token_bytes(32)
        self.tenant_id, self.client_id = str(uuid.uuid4()), str(uuid.uuid4())
        self._client_secret, self._identity_header = secrets.token_urlsafe(24), secrets.token_hex(16)
        self._token_file = folder / "federated-token"
        self._token_file.touch(0o600)
        claims = {"iss": _CLUSTER, "sub": _SUBJECT, "aud": "api://AzureADTokenExchange", "exp": time.time() + 86400}
        self._token_file.write_text(self._signed(claims))

    @property
    def access(self) -> dict[str, Any]:
        """What a caller needs to log in, and a bearer token whose time is over."""
        return {
            "authority": self._endpoint,
            "tenant_id": self.tenant_id,
            "client_id": self.client_id,
            "client_secret": self._client_secret,
            "federated_token_file": str(self._token_file),
            "identity_header": self._identity_header,
            "expired_token": self._bearer(_RESOURCES[0], time.time() - 1),
        }

    def check(self, request: Request) -> None:
        """Raise ArmError, as ARM would, unless the request bears a token of ours that is good now."""
        kind, _, token = request.header("authorization").partition(" ")
        if kind.lower() != "bearer" or not token:
            message = "Authentication failed. The 'Authorization' header is missing."
            raise self._refusal("AuthenticationFailed", message)
        claims = self._read(token)
        if claims is None:
            raise self._refusal("InvalidAuthenticationToken", "The access token is invalid.")
        if claims["exp"] <= time.time():
            raise self.expired()

    def expired(self) -> ArmError:
        """Return the refusal of a token whose time is over."""
        return self._refusal("ExpiredAuthenticationToken", "The access token expiry time is over.")

    def entra(self, request: Request) -> Answer | None:
        """Answer what goes to the authority; None when the path is none of its own."""
        parts = request.path.strip("/").split("/")
        match [part.lower() for part in parts]:
            case [_, "v2.0", ".well-known", "openid-configuration"]:
                return Answer(200, self._configuration(parts[0]))
            case [tenant, "oauth2", "v2.0", "token"]:
                return self._token(request, tenant, request.form.get("scope", "").removesuffix("/.default"))
            case [tenant, "oauth2", "token"]:
                return self._token(request, tenant, request.form.get("resource", ""))
        return None

    def metadata(self, request: Request) -> Answer:
        """Answer what goes to the metadata service of a machine, or to that of App Service."""
        if request.path == "/metadata/identity/oauth2/token":
            if request.header("metadata") != "true":
                return _oauth_error("invalid_request", "Required metadata header not specified")
        elif request.path == "/msi/token":
            if not _same(request.header("x-identity-header"), self._identity_header):
                return _oauth_error("unauthorized", "The identity header is missing or wrong.", 401)
        else:
            return _oauth_error("not_found", f"There is nothing at {request.path}.", 404)
        if request.query.get("client_id", self.client_id) != self.client_id:
            return _oauth_error("invalid_request", "Identity not found")
        resource = request.query.get("resource", "").rstrip("/")
        if not self._known(resource):
            return _oauth_error("invalid_resource", f"AADSTS500011: The resource named {resource} was not found.")
        expiry = int(time.time()) + _LIFETIME
        answer = {
            "access_token": self._bearer(resource, expiry),
            "client_id": self.client_id,
            "expires_in": str(_LIFETIME),
            "expires_on": str(expiry),
            "resource": resource,
            "token_type": "Bearer",
        }
        return Answer(200, answer)

    def _token(self, request: Request, tenant: str, resource: str) -> Answer:
        form, resource = request.form, resource.rstrip("/")
        if tenant != self.tenant_id:
            return _oauth_error("invalid_request", f"AADSTS90002: Tenant '{tenant}' not found.")
        if form.get("grant_type") != "client_credentials":
            return _oauth_error("unsupported_grant_type", "AADSTS70003: The grant type is not supported.")
        if form.get("client_id") != self.client_id:
            message = f"AADSTS700016: Application with identifier '{form.get('client_id')}' was not found."
            return _oauth_error("unauthorized_client", message)
        if form.get("client_assertion_type") == _ASSERTION:
            if (trouble := self._trouble_with(form.get("client_assertion", ""))) is not None:
                return _oauth_error("invalid_client", trouble, 401)
        elif not _same(form.get("client_secret", ""), self._client_secret):
            message = "AADSTS7000215: Invalid client secret provided."
            return _oauth_error("invalid_client", message, 401)
        if not self._known(resource):
            return _oauth_error("invalid_resource", f"AADSTS500011: The resource named {resource} was not found.")
        expiry = int(time.time()) + _LIFETIME
        answer = {
            "token_type": "Bearer",
            "expires_in": _LIFETIME,
            "ext_expires_in": _LIFETIME,
            "expires_on": str(expiry),
            "access_token": self._bearer(resource, expiry),
        }
        return Answer(200, answer)

    def _known(self, resource: str) -> bool:
        return resource == self._endpoint or resource in _RESOURCES

    def _trouble_with(self, assertion: str) -> str | None:
        """Say what is wrong with a client assertion: one of the application's certificate, or of the cluster."""
        try:
            head, body, signature = assertion.split(".")
            algorithm, claims = json.loads(_decoded(head))["alg"], json.loads(_decoded(body))
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO)
            scheme = pss if algorithm == "PS256" else padding.PKCS1v15()
            self._key.public_key().verify(_decoded(signature), f"{head}.{body}".encode(), scheme, hashes.SHA256())
            expiry = float(claims["exp"])
        except (ValueError, KeyError, TypeError, InvalidSignature):
            return "AADSTS700027: The certificate with identifier used to sign the client assertion is not registered."
        if expiry <= time.time():
            return "AADSTS700024: Client assertion is not within its valid time range."
        if (claims.get("iss"), claims.get("sub")) == (_CLUSTER, _SUBJECT):
            return None
        if claims.get("iss") != self.client_id or claims.get("sub") != self.client_id:
            return "AADSTS700021: Client assertion application identifier doesn't match 'client_id' parameter."
        if not str(claims.get("aud", "")).startswith(f"{self._endpoint}/{self.tenant_id}/"):
            return "AADSTS700023: Client assertion audience claim does not match Realm issuer."
        return None

    def _bearer(self, resource: str, expiry: float) -> str:
        head = _encoded(json.dumps({"typ": "JWT", "alg": "HS256"}).encode())
        claims = {"aud": resource, "tid": self.tenant_id, "appid": self.client_id, "exp": int(expiry)}
        text = f"{head}.{_encoded(json.dumps(claims).encode())}"
        return f"{text}.{_encoded(hmac.digest(self._sealing, text.encode(), sha256))}"

    def _read(self, token: str) -> Any:
        text, _, seal = token.rpartition(".")
        if not _same(_encoded(hmac.digest(self._sealing, text.encode(), sha256)), seal):
            return None
        return json.loads(_decoded(text.partition(".")[2]))

    def _signed(self, claims: dict[str, Any]) -> str:
        head = _encoded(json.dumps({"typ": "JWT", "alg": "RS256"}).encode())
        text = f"{head}.{_encoded(json.dumps(claims).encode())}"
        signature = self._key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{text}.{_encoded(signature)}"

    def _refusal(self, code: str, message: str) -> ArmError:
        where = f'Bearer authorization_uri="{self._endpoint}/{self.tenant_id}", error="invalid_token"'
        return ArmError(code, message, 401, {"WWW-Authenticate": where})

    def _configuration(self, tenant: str) -> dict[str, Any]:
        base = f"{self._endpoint}/{tenant}"
        return {
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            "issuer": f"{base}/v2.0",
            "tenant_region_scope": None,
        }


def _oauth_error(error: str, description: str, status: int = 400) -> Answer:
    value = {"error": error, "error_description": description, "correlation_id": str(uuid.uuid4())}
    return Answer(status, value)


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode(), right.encode())


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
