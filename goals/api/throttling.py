"""How many requests an address may send: counted as the doors count wrong passwords."""

from typing import Any

from rest_framework.exceptions import Throttled
from rest_framework.throttling import (
    AnonRateThrottle,
    SimpleRateThrottle,
    UserRateThrottle,
)

from mastertrade.web.addresses import normalized_address


class ByNetwork:
    """Of IPv6 a household has more addresses than there is room for counters."""

    def get_ident(self, request: Any) -> str:
        return normalized_address(request.META.get("REMOTE_ADDR", ""))


class AnonymousThrottle(ByNetwork, AnonRateThrottle):
    """Requests of nobody, by address."""


class UserThrottle(ByNetwork, UserRateThrottle):
    """Requests of a user; of nobody, by address."""


class ChannelTestThrottle(ByNetwork, UserRateThrottle):
    """Test messages of a user: each goes to an address that the user names."""

    scope = "channel_tests"


class FailedThrottle(ByNetwork, SimpleRateThrottle):
    """Wrong tokens, and webhooks that there are not, by address."""

    scope = "failed"

    def get_cache_key(self, request: Any, view: Any) -> str:
        return f"throttle_failed_{self.get_ident(request)}"


def count_failure(request: Any) -> None:
    """Count credentials that were looked for and not found; `Throttled` if too many.

    Afterwards, and apart from other requests: whoever has the right ones goes on.
    """
    throttle: Any = FailedThrottle()
    if not throttle.allow_request(request, None):
        raise Throttled(throttle.wait())
