"""Filters of operations, as the journal takes them."""

from collections.abc import Sequence

from novacron.cloud.v1 import operations_pb2
from novacron_providers.contract.errors import InvalidArgument
from novacron_providers.contract.filters import Condition, Filter

# Fields of Operation that a filter may name, and where they are kept.
FILTERS = {
    "state": "state",
    "done": "done",
    "method": "method",
    "actor": "principal",
    "request_id": "request_id",
    "targets.name": "target",
}


def conditions_of(filter: str) -> Sequence[tuple[str, bool, str | int]]:
    """The conditions of a filter; raises InvalidArgument, naming `filter`."""
    return [_condition(condition) for condition in Filter.parse(filter, operations_pb2.Operation).conditions]


def _condition(condition: Condition) -> tuple[str, bool, str | int]:
    # Filter has checked it against Operation.
    column = FILTERS.get(condition.path)
    if column is None:
        raise InvalidArgument(
            f"filter: operations are not filtered by {condition.path!r}, but by {', '.join(FILTERS)}", field="filter"
        )
    value: str | int = condition.value
    if column == "state":
        value = operations_pb2.OperationState.Value(f"OPERATION_STATE_{condition.value}")
    elif column == "done":
        value = condition.value == "true"
    return column, condition.operator != "!=", value
