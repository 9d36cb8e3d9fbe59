"""What every request passes: who asks, the health checks, and what a page may load."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.urls import is_valid_path

from mastertrade.web.addresses import (
    UNIX_SOCKET,
    Networks,
    is_address,
    is_within,
    networks_of,
    without_port,
)
from mastertrade.web.health import CHECKS

Answer = Callable[[HttpRequest], HttpResponseBase]

FORWARDED = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_REQUEST_ID",
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
    networks = networks_of(settings.TRUSTED_PROXIES)
    trusts_sockets = UNIX_SOCKET in settings.TRUSTED_PROXIES

    def middleware(request: HttpRequest) -> HttpResponseBase:
        meta = request.META
        peer = meta.get("REMOTE_ADDR", "")
        if is_within(peer, networks) or (trusts_sockets and not is_address(peer)):
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
        hop = without_port(hop.strip())
        if not is_address(hop):
            break
        client = hop
        if not is_within(hop, proxies):
            break
    return client
