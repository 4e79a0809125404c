"""Who may call: the keys of moto's IAM and the sessions of its STS, and a signature that only their owner can make."""

import hmac
import json
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.utils import utcnow
from moto.iam.models import AccessKey, iam_backends
from moto.sts.models import AssumedRole, sts_backends

from novacron_sandbox.aws.errors import AwsError, expired, not_authenticated
from novacron_sandbox.aws.wire import Request

_USER = "novacron-sandbox"
_ROLE = "NovaCron"


class Directory:
    """The account's own user with its keys, a role to assume, and a session that has expired.

    Sessions expire by the machine's clock, not the sandbox's: an SDK dates its signatures by it.
    """

    def __init__(self) -> None:
        users = iam_backends[DEFAULT_ACCOUNT_ID]["aws"]
        users.create_user("us-east-1", _USER)
        self._key = users.create_access_key(_USER)
        trust = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}
        role = users.create_role(_ROLE, json.dumps(trust), "/", None, "For those who assume a role", [], None)
        self._role_arn: str = role.arn
        self._expired = sts_backends[DEFAULT_ACCOUNT_ID]["aws"].assume_role(
            "us-east-1", "expired", role.arn, policy="", duration=-3600, external_id=""
        )

    @property
    def access(self) -> dict[str, Any]:
        """What a caller needs: its keys, the role it may assume, and the keys of a session that is over."""
        return {
            "access_key_id": self._key.access_key_id,
            "secret_access_key": self._key.secret_access_key,
            "role_arn": self._role_arn,
            "expired": {
                "access_key_id": self._expired.access_key_id,
                "secret_access_key": self._expired.secret_access_key,
                "session_token": self._expired.session_token,
            },
        }

    def check(self, request: Request) -> None:
        """Raise AwsError, as the service would, unless the request is signed with keys that are good now."""
        if request.signed is None:
            raise AwsError("MissingAuthenticationToken", "Request is missing Authentication Token", 403)
        key, session = _find(request.access_key_id)
        token = session.session_token if session else ""
        if key is None or key.status != "Active" or not hmac.compare_digest(token, request.session_token):
            raise not_authenticated(request, "The security token included in the request is invalid.")
        if not hmac.compare_digest(_signature(request, key.secret_access_key), request.signed["signature"]):
            message = "The request signature we calculated does not match the signature you provided."
            raise not_authenticated(request, message, signature=True)
        if session and session.expiration <= utcnow():
            raise expired(request)

    def check_assumed_role(self, request: Request) -> None:
        """Raise AwsError unless the role of an AssumeRole exists and the session is one AWS would grant."""
        arn, seconds = request.form.get("RoleArn", ""), int(request.form.get("DurationSeconds", 3600))
        account = arn.split(":")[4] if arn.count(":") >= 5 else DEFAULT_ACCOUNT_ID
        if not any(role.arn == arn for role in iam_backends[account]["aws"].get_roles()):
            raise AwsError("AccessDenied", f"The caller is not authorized to perform: sts:AssumeRole on {arn}", 403)
        if not 900 <= seconds <= 43200:
            raise AwsError("ValidationError", "DurationSeconds must be between 900 and 43200")


def account_of(request: Request) -> str:
    """Return the account that the caller's keys belong to."""
    for account, partitions in list(iam_backends.items()):
        if request.access_key_id in partitions["aws"].access_keys:
            return str(account)
    return str(DEFAULT_ACCOUNT_ID)


def _find(access_key_id: str) -> tuple[AccessKey | None, AssumedRole | None]:
    for account, partitions in list(iam_backends.items()):
        if key := partitions["aws"].access_keys.get(access_key_id):
            return key, sts_backends[account]["aws"].get_assumed_role_from_access_key(access_key_id)
    return None, None


def _signature(request: Request, secret: str) -> str:
    """What the signature of this request is for the owner of `secret`, by the SDK's own signer."""
    assert request.signed is not None
    path = urlsplit(request.environ.get("RAW_URI") or "/")
    url = f"http://{request.header('host')}{path.path}?{path.query}".rstrip("?")
    headers = {name: request.header(name) for name in request.signed["headers"].split(";")}
    signed = AWSRequest(request.environ["REQUEST_METHOD"], url, headers, request.body)
    signed.context["timestamp"] = request.header("x-amz-date")
    kind = S3SigV4Auth if request.service == "s3" else SigV4Auth
    signer = kind(Credentials(request.access_key_id, secret), request.service, request.region)
    return str(signer.signature(signer.string_to_sign(signed, signer.canonical_request(signed)), signed))
