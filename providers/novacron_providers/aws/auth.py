"""How to sign in to AWS: the keys of ProviderConfig.auth."""

from collections.abc import Mapping
from dataclasses import dataclass

from novacron_providers.contract.errors import InvalidArgument
from novacron_providers.contract.secret import Secret

KEYS = ("access_key_id", "secret_access_key", "session_token", "role_arn", "external_id")
_FIELD = "config.auth"
_NONE = Secret("")


@dataclass(frozen=True, slots=True)
class Auth:
    """What to sign in with; empty parts are not used.

    Without keys the SDK's own search finds the identity of the machine: environment, profile, web identity, container,
    instance. With role_arn that identity, or the keys, is used to assume the role.
    """

    access_key_id: Secret = _NONE
    secret_access_key: Secret = _NONE
    session_token: Secret = _NONE
    role_arn: Secret = _NONE
    external_id: Secret = _NONE

    @classmethod
    def read(cls, auth: Mapping[str, Secret]) -> "Auth":
        """Take the keys of a configuration; raises InvalidArgument, naming config.auth, for what cannot be."""
        for key in auth:
            if key not in KEYS:
                raise InvalidArgument(f"auth has no key {key!r}; it takes {', '.join(KEYS)}", field=_FIELD)
        found = cls(**auth)
        if bool(found.access_key_id) != bool(found.secret_access_key):
            missing = "secret_access_key" if found.access_key_id else "access_key_id"
            raise InvalidArgument(f"auth lacks {missing}: a key has an id and a secret", field=_FIELD)
        if found.session_token and not found.access_key_id:
            raise InvalidArgument("auth has a session_token without access_key_id and secret_access_key", field=_FIELD)
        if found.external_id and not found.role_arn:
            raise InvalidArgument("auth has an external_id without the role_arn that asks for it", field=_FIELD)
        return found
