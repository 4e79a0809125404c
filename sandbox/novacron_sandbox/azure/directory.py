"""Who may call: Entra ID's token endpoint, the metadata service of a machine and that of App Service."""

import hmac
import secrets
import time
import uuid
from pathlib import Path
from typing import Any

from novacron_sandbox.azure.errors import ArmError
from novacron_sandbox.tokens import LIFETIME, AccessTokens, Signer
from novacron_sandbox.wire import Answer, Request

_CLUSTER = "https://cluster.sandbox.invalid"
_SUBJECT = "system:serviceaccount:novacron:server"
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_RESOURCES = (
    "https://management.azure.com",
    "https://management.core.windows.net",
    "https://metrics.monitor.azure.com",
    "https://monitoring.azure.com",
    "https://api.loganalytics.io",
)


class Directory:
    """One tenant with one application, which logs in with a secret, a certificate or a token of a cluster."""

    def __init__(self, endpoint: str, signer: Signer, folder: Path) -> None:
        self._endpoint, self._signer, self._tokens = endpoint, signer, AccessTokens()
        self.tenant_id, self.client_id = str(uuid.uuid4()), str(uuid.uuid4())
        self._client_secret, self._identity_header = secrets.token_urlsafe(24), secrets.token_hex(16)
        self._token_file = folder / "federated-token"
        self._token_file.touch(0o600)
        audience, end = "api://AzureADTokenExchange", time.time() + 86400
        self._token_file.write_text(signer.sign(iss=_CLUSTER, sub=_SUBJECT, aud=audience, exp=end))

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
            "expired_token": self._tokens.issue(0),
        }

    def check(self, request: Request) -> None:
        """Raise ArmError, as ARM would, unless the request bears a token of ours that is good now."""
        if not request.bearer:
            message = "Authentication failed. The 'Authorization' header is missing."
            raise self._refusal("AuthenticationFailed", message)
        left = self._tokens.left(request.bearer)
        if left is None:
            raise self._refusal("InvalidAuthenticationToken", "The access token is invalid.")
        if left <= 0:
            raise self.expired()

    def expired(self) -> ArmError:
        """Return the refusal of a token whose time is over."""
        return self._refusal("ExpiredAuthenticationToken", "The access token expiry time is over.")

    def entra(self, request: Request) -> Answer | None:
        """Answer what goes to the authority; None when the path is none of its own."""
        match [part.lower() for part in request.parts]:
            case [_, "v2.0", ".well-known", "openid-configuration"]:
                return Answer(200, self._configuration(request.parts[0]))
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
        about = {"client_id": self.client_id, "resource": resource, "expires_in": str(LIFETIME)}
        return self._issued(resource, about)

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
        return self._issued(resource, {"expires_in": LIFETIME, "ext_expires_in": LIFETIME})

    def _issued(self, resource: str, about: dict[str, Any]) -> Answer:
        if resource not in (self._endpoint, *_RESOURCES):
            return _oauth_error("invalid_resource", f"AADSTS500011: The resource named {resource} was not found.")
        answer = {"token_type": "Bearer", "access_token": self._tokens.issue(), **about}
        return Answer(200, {**answer, "expires_on": str(int(time.time()) + LIFETIME)})

    def _trouble_with(self, assertion: str) -> str | None:
        """Say what is wrong with a client assertion: one of the application's certificate, or of the cluster."""
        claims = self._signer.claims(assertion)
        if claims is None:
            return "AADSTS700027: The certificate with identifier used to sign the client assertion is not registered."
        if claims["exp"] <= time.time():
            return "AADSTS700024: Client assertion is not within its valid time range."
        if (claims.get("iss"), claims.get("sub")) == (_CLUSTER, _SUBJECT):
            return None
        if claims.get("iss") != self.client_id or claims.get("sub") != self.client_id:
            return "AADSTS700021: Client assertion application identifier doesn't match 'client_id' parameter."
        if not str(claims.get("aud", "")).startswith(f"{self._endpoint}/{self.tenant_id}/"):
            return "AADSTS700023: Client assertion audience claim does not match Realm issuer."
        return None

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
