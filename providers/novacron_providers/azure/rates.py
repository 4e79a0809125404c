"""How fast Azure Resource Manager lets one identity call it ("Understand how Resource Manager throttles requests")."""

from collections.abc import Mapping

from novacron_providers.kit.rates import Rate

# Token buckets of one subscription in one region of Resource Manager. What the headers of an answer say is left
# counts as well: the compute provider has narrower limits, and others may call with the same identity.
RATES: Mapping[str, Rate] = {
    "read": Rate(250, 25),
    "write": Rate(200, 10),
    "delete": Rate(200, 10),
}
