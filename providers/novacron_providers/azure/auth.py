"""How to sign in to Azure: the keys of ProviderConfig.auth."""

import pathlib
from collections.abc import Mapping
from dataclasses import dataclass

from novacron_providers.contract.errors import InvalidArgument
from novacron_providers.contract.secret import Secret

KEYS = ("tenant_id", "client_id", "client_secret", "certificate", "federated_token_file")
# Each of these, with the application's tenant_id and client_id, is a way to sign in.
_PROOFS = ("client_secret", "certificate", "federated_token_file")
_FIELD = "config.auth"
_NONE = Secret("")


@dataclass(frozen=True, slots=True)
class Auth:
    """What to sign in with; empty parts are not used.

    Attributes:
        tenant_id: Tenant of the application.
        client_id: The application; without a proof, a managed identity that the user assigned.
        client_secret: Proof: its secret.
        certificate: Proof: PEM text with certificate and private key.
        federated_token_file: Proof: path of a file with a token that the tenant trusts (workload identity); it is read
            again at each sign-in.

    Without a proof the managed identity of the machine signs in: IMDS, App Service and what else the SDK knows.
    """

    tenant_id: Secret = _NONE
    client_id: Secret = _NONE
    client_secret: Secret = _NONE
    certificate: Secret = _NONE
    federated_token_file: Secret = _NONE

    @property
    def proof(self) -> str:
        """Key that proves who signs in; empty for a managed identity."""
        return next((key for key in _PROOFS if getattr(self, key)), "")

    @classmethod
    def read(cls, auth: Mapping[str, Secret]) -> "Auth":
        """Take the keys of a configuration; raises InvalidArgument, naming config.auth, for what cannot be."""
        for key in auth:
            if key not in KEYS:
                raise InvalidArgument(f"auth has no key {key!r}; it takes {', '.join(KEYS)}", field=_FIELD)
        found = cls(**auth)
        proofs = [key for key in _PROOFS if getattr(found, key)]
        if len(proofs) > 1:
            raise InvalidArgument(f"auth has {' and '.join(proofs)}; one of them signs in", field=_FIELD)
        if proofs:
            for key in ("tenant_id", "client_id"):
                if not getattr(found, key):
                    raise InvalidArgument(f"auth lacks {key}, which goes with {proofs[0]}", field=_FIELD)
        elif found.tenant_id:
            raise InvalidArgument(
                f"auth has a tenant_id without {', '.join(_PROOFS[:-1])} or {_PROOFS[-1]}", field=_FIELD
            )
        pem = found.certificate.reveal()
        if pem and ("BEGIN CERTIFICATE" not in pem or "PRIVATE KEY" not in pem):
            raise InvalidArgument("certificate is the PEM text of a certificate and its private key", field=_FIELD)
        path = found.federated_token_file.reveal()
        if path and not pathlib.PurePath(path).is_absolute():
            raise InvalidArgument("federated_token_file is an absolute path", field=_FIELD)
        return found
