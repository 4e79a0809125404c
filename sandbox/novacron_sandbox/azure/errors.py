"""The errors of Azure Resource Manager."""

from collections.abc import Mapping


class ArmError(Exception):
    """A refusal as ARM words it: a code that programs read, a message for people, and a status."""

    def __init__(self, code: str, message: str, status: int = 400, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.status, self.headers = code, message, status, dict(headers or {})

    @property
    def value(self) -> dict[str, dict[str, str]]:
        """The body that says so."""
        return {"error": {"code": self.code, "message": self.message}}


def not_found(type_name: str, name: str, group: str) -> ArmError:
    """Return the refusal of a resource that is not there."""
    message = f"The Resource '{type_name}/{name}' under resource group '{group}' was not found."
    return ArmError("ResourceNotFound", message, 404)
