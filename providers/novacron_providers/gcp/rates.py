"""How fast Compute Engine lets one project call it ("API rate quotas": 1500 calls a minute in each group)."""

from collections.abc import Mapping

from novacron_providers.kit.rates import Rate

# A quota is for a minute and fills up at its end; burst and rate together stay within it in any minute.
_MINUTE = Rate(300, 20)
RATES: Mapping[str, Rate] = {"read": _MINUTE, "list": _MINUTE, "operation": _MINUTE, "write": _MINUTE}
