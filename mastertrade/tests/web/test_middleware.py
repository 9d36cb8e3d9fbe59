"""What every request passes: proxies, health checks, hosts, content policy."""

import logging
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory, override_settings

from mastertrade.web.middleware import believe_trusted_proxies

PROXY = "10.0.0.2"
STRANGER = "203.0.113.9"
CLIENT = "198.51.100.7"
BEHIND_HTTPS = override_settings(
    SECURE_SSL_REDIRECT=True,
    SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"),
    TRUSTED_PROXIES=["10.0.0.0/8"],
)


def seen(trusted: list[str], peer: str, **headers: str) -> HttpRequest:
    """The request as the application sees it."""
    requests: list[HttpRequest] = []

    def answer(request: HttpRequest) -> HttpResponse:
        requests.append(request)
        return HttpResponse()

    with override_settings(TRUSTED_PROXIES=trusted):
        middleware = believe_trusted_proxies(answer)
    middleware(RequestFactory().get("/", REMOTE_ADDR=peer, **headers))
    return requests[0]


def test_nobody_is_believed_by_default() -> None:
    assert settings.TRUSTED_PROXIES == []
    request = seen([], STRANGER, HTTP_X_FORWARDED_FOR=CLIENT)
    assert request.META["REMOTE_ADDR"] == STRANGER


@pytest.mark.parametrize(
    ("forwarded_for", "client"),
    [
        (CLIENT, CLIENT),
        (f"192.0.2.1, {CLIENT}", CLIENT),
        (f"{CLIENT}, 10.0.0.9", CLIENT),
        ("10.0.0.9, 10.0.0.8", "10.0.0.9"),
        ("", PROXY),
        ("nonsense", PROXY),
        (f"{CLIENT}, nonsense", PROXY),
        ("nonsense, 10.0.0.9", "10.0.0.9"),
        ("2001:db8::1", "2001:db8::1"),
        (f"{CLIENT}:5678", CLIENT),
        (f"{CLIENT}:5678, 10.0.0.9:80", CLIENT),
        ("[2001:db8::1]:80", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        (f"{CLIENT}:port", PROXY),
        (f"{CLIENT}:123456", PROXY),
        ("[nonsense]:80", PROXY),
    ],
)
def test_the_client_is_the_last_address_that_is_no_proxy(
    forwarded_for: str, client: str
) -> None:
    request = seen(["10.0.0.0/8"], PROXY, HTTP_X_FORWARDED_FOR=forwarded_for)
    assert request.META["REMOTE_ADDR"] == client


def test_an_address_of_ipv4_written_as_ipv6_is_the_same() -> None:
    request = seen(["10.0.0.2"], f"::ffff:{PROXY}", HTTP_X_FORWARDED_FOR=CLIENT)
    assert request.META["REMOTE_ADDR"] == CLIENT


def test_a_strangers_headers_are_dropped() -> None:
    claims = {
        "HTTP_X_FORWARDED_FOR": CLIENT,
        "HTTP_X_FORWARDED_PROTO": "https",
        "HTTP_X_FORWARDED_HOST": "evil.example",
        "HTTP_X_FORWARDED_PORT": "1",
    }
    request = seen(["10.0.0.0/8"], STRANGER, **claims)
    assert not claims.keys() & request.META.keys()


@pytest.mark.parametrize("trusted", [["unix"], ["10.0.0.1", "unix"]])
def test_a_unix_socket_is_believed_where_it_is_named(trusted: list[str]) -> None:
    request = seen(trusted, "localhost", HTTP_X_FORWARDED_FOR=CLIENT)
    assert request.META["REMOTE_ADDR"] == CLIENT
    request = seen(["10.0.0.1"], "localhost", HTTP_X_FORWARDED_FOR=CLIENT)
    assert request.META["REMOTE_ADDR"] == "localhost"


@BEHIND_HTTPS
@pytest.mark.parametrize(("peer", "status"), [(PROXY, 302), (STRANGER, 301)])
def test_https_is_believed_of_a_trusted_proxy_alone(peer: str, status: int) -> None:
    """302 leads to the log-in, 301 to HTTPS."""
    answer = Client().get("/", REMOTE_ADDR=peer, HTTP_X_FORWARDED_PROTO="https")
    assert answer.status_code == status


@BEHIND_HTTPS
@override_settings(ALLOWED_HOSTS=["mastertrade.example"])
@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
@pytest.mark.parametrize("method", ["get", "head"])
def test_a_probe_by_address_in_the_clear_is_answered(path: str, method: str) -> None:
    answer = getattr(Client(), method)(path, headers={"host": "10.1.2.3:8000"})
    assert answer.status_code == 200


@override_settings(ALLOWED_HOSTS=["mastertrade.example"])
def test_a_foreign_host_is_refused_and_logs_one_line() -> None:
    lines: list[str] = []

    class Listening(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(formatter.format(record))

    formatter = logging.Formatter("%(message)s")
    listening = Listening()
    logging.getLogger().addHandler(listening)
    try:
        answer = Client().get("/login/", headers={"host": "evil.example"})
    finally:
        logging.getLogger().removeHandler(listening)
    assert answer.status_code == 400
    assert len(lines) == 1
    assert "\n" not in lines[0]
    assert "evil.example" in lines[0]


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/login/", "/admin/login/", "/api/docs/", "/nothing"])
def test_every_answer_says_what_it_may_load(path: str) -> None:
    policy = Client().get(path)["Content-Security-Policy"]
    rules: dict[str, Any] = dict(
        rule.strip().split(" ", 1) for rule in policy.split(";")
    )
    assert rules["default-src"] == "'self'"
    assert rules["img-src"] == "'self' data:"
    for name in ("frame-ancestors", "base-uri", "object-src"):
        assert rules[name] == "'none'"
    assert "unsafe" not in policy
