"""Where moto's objects have the members of an answer, found out once."""

from typing import Any, ClassVar

from moto.core.constants import MISSING
from moto.core.serialize import AttributePickerContext, XFormedAttributePicker
from moto.core.utils import get_value


class Picker(XFormedAttributePicker):
    """moto's picker, which works out for each member of each object anew under which names it may be, and what is done
    with its value: two thirds of the time of a list of 1,000 instances.

    Both depend only on the place in the answer and on the class of the object.
    """

    _known: ClassVar[dict[tuple[Any, ...], tuple[list[str], Any]]] = {}

    def __call__(self, context: AttributePickerContext) -> Any:
        at = (context.shape, context.key_path, context.key, type(context.obj))
        if at not in self._known:
            path = f"{context.key_path}.{context.key}"
            transform = next((do for end, do in self.response_transformers.items() if path.endswith(end)), None)
            self._known[at] = [*dict.fromkeys(self.get_possible_keys(context))], transform
        keys, transform = self._known[at]
        value = next((found for key in keys if (found := get_value(context.obj, key, MISSING)) is not MISSING), None)
        return transform(value) if transform else value
