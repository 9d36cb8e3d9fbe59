"""How many requests an address may send: counted as the doors count wrong passwords."""

from typing import Any

from rest_framework.throttling import AnonRateThrottle, UserRateThrottle

from mastertrade.addresses import normalized_address


class ByNetwork:
    """Of IPv6 a household has more addresses than there is room for counters."""

    def get_ident(self, request: Any) -> str:
        return normalized_address(request.META.get("REMOTE_ADDR", ""))


class AnonymousThrottle(ByNetwork, AnonRateThrottle):
    """Requests of nobody, by address."""


class UserThrottle(ByNetwork, UserRateThrottle):
    """Requests of a user; of nobody, by address."""
