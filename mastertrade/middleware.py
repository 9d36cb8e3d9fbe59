"""What every request passes: who asks, the health checks, and what a page may load."""

from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.urls import is_valid_path

from mastertrade.health import CHECKS

Answer = Callable[[HttpRequest], HttpResponseBase]
Networks = Sequence[IPv4Network | IPv6Network]

UNIX_SOCKET = "unix"  # has no address to name
FORWARDED = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
)
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; object-src 'none'"
)


def believe_trusted_proxies(answer: Answer) -> Answer:
    """`REMOTE_ADDR` is the client's address; what nobody may claim is dropped.

    X-Forwarded-For and X-Forwarded-Proto count where they come from an address of
    `TRUSTED_PROXIES`. The client is the last address of the list that is no proxy.
    """
    networks = [ip_network(one) for one in settings.TRUSTED_PROXIES if _is_net(one)]
    trusts_sockets = UNIX_SOCKET in settings.TRUSTED_PROXIES

    def middleware(request: HttpRequest) -> HttpResponseBase:
        meta = request.META
        peer = meta.get("REMOTE_ADDR", "")
        if _is_within(peer, networks) or (trusts_sockets and not _is_address(peer)):
            meta["REMOTE_ADDR"] = _client(meta.get(FORWARDED[0], ""), peer, networks)
        else:
            for header in FORWARDED:
                meta.pop(header, None)
        return answer(request)

    return middleware


def answer_health_checks(answer: Answer) -> Answer:
    """Before hosts and HTTPS are looked at: a probe asks by address, in the clear."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        check = CHECKS.get(request.path)
        return answer(request) if check is None else check(request)

    return middleware


def restrict_content(answer: Answer) -> Answer:
    """Pages load scripts, styles and the rest from this site alone."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = answer(request)
        response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        return response

    return middleware


def complete_api_addresses(answer: Answer) -> Answer:
    """An address of the API without its last slash is the one with it.

    A redirect would lose the body.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        path = request.path_info
        if path.startswith("/api/") and not path.endswith("/") and _lacks_slash(path):
            request.path_info += "/"
            request.path += "/"
        return answer(request)

    return middleware


def _lacks_slash(path: str) -> bool:
    return not is_valid_path(path) and bool(is_valid_path(f"{path}/"))


def _client(forwarded_for: str, peer: str, proxies: Networks) -> str:
    client = peer
    for hop in reversed(forwarded_for.split(",")):
        hop = hop.strip()
        if not _is_address(hop):
            break
        client = hop
        if not _is_within(hop, proxies):
            break
    return client


def _is_within(text: str, networks: Networks) -> bool:
    if not _is_address(text):
        return False
    address = ip_address(text)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return any((mapped or address) in network for network in networks)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_net(word: str) -> bool:
    return word != UNIX_SOCKET
