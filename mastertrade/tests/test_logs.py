"""A webhook's address is all its credentials: no log holds it."""

import json
import logging
import logging.config
from datetime import datetime
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError
from django.test import Client

from mastertrade.logs import (
    FORMATTERS,
    JOB_ID,
    REQUEST_ID,
    DiscreetFormatter,
    JsonFormatter,
    cut_tokens,
)
from trades.api.views import webhooks

TOKEN = "t_YrQfz9rLH5buTRDhmGOBAElDzm6jYCBkPoqQADsDY"
ADDRESS = f"/api/webhooks/freqtrade/{TOKEN}/"


@pytest.mark.parametrize(
    "line",
    [
        ADDRESS,
        ADDRESS.rstrip("/"),
        f'"POST {ADDRESS} HTTP/1.1" 503',
        f"<WSGIRequest: POST '{ADDRESS}?a=1'>",
        f"https://mastertrade.example{ADDRESS}#x",
        f"/login/?next={ADDRESS.replace('/', '%2F')}",
        f"/login/?next={ADDRESS.replace('/', '%2f')}&x=1",
        f"/api//webhooks//freqtrade/{TOKEN}",
        f"Service Unavailable: {ADDRESS}\n  File x\nfor {ADDRESS}",
    ],
)
def test_the_token_is_cut_out(line: str) -> None:
    cut = cut_tokens(line)
    assert TOKEN not in cut
    assert "freqtrade" in cut


def test_other_addresses_are_left_alone() -> None:
    for line in (
        "/api/webhooks/7/",
        "/api/webhooks/",
        "freqtrade/docs",
        "/api/trades/",
    ):
        assert cut_tokens(line) == line


SECRET = "1234567890-secret_OF-somebody"
CUT = {
    f"postgresql://mt:{SECRET}@db.example/mt": "postgresql://…@db.example/mt",
    f"mailtos://me:{SECRET}@mail.example?a=1": "mailtos://…@mail.example?a=1",
    f"https://api.telegram.org/bot123:{SECRET}/sendMessage": (
        "https://api.telegram.org/bot…/sendMessage"
    ),
    f"Authorization: Token {SECRET}": "Authorization: Token …",
    f"'Authorization': 'Bearer {SECRET}'": "'Authorization': 'Bearer …'",
    f"550 no such user <{SECRET}@mail.example>": "550 no such user <…@mail.example>",
}


@pytest.mark.parametrize("line", CUT)
def test_credentials_and_names_of_mail_addresses_are_cut_out(line: str) -> None:
    assert cut_tokens(line) == CUT[line]


def test_words_about_tokens_stay_whole() -> None:
    for line in (
        "Token authentication failed",
        "the basic currency is missing",
        "trader@home",
        "http://127.0.0.1:8000/a@b",
    ):
        assert cut_tokens(line) == line


def record_of(message: str, *, error: Exception | None = None) -> logging.LogRecord:
    given = (type(error), error, None) if error else None
    return logging.LogRecord("a.logger", 40, "", 1, "%s", (message,), given)


def test_as_json_a_record_is_one_line_with_its_ids_and_without_secrets() -> None:
    request_id, job_id = REQUEST_ID.set("request-1"), JOB_ID.set(7)
    try:
        error = RuntimeError(f"POST {ADDRESS}\nToken {SECRET}")
        line = JsonFormatter().format(record_of(f"{ADDRESS}\nforged", error=error))
    finally:
        REQUEST_ID.reset(request_id)
        JOB_ID.reset(job_id)
    assert len(line.splitlines()) == 1
    assert SECRET not in line
    assert TOKEN not in line
    shown = json.loads(line)
    assert datetime.fromisoformat(shown.pop("time")).tzinfo is not None
    assert shown == {
        "level": "ERROR",
        "logger": "a.logger",
        "message": "/api/webhooks/freqtrade/…/\nforged",
        "request_id": "request-1",
        "job_id": 7,
        "exception": "RuntimeError: POST /api/webhooks/freqtrade/…/\nToken …",
    }


def test_as_json_a_record_of_no_request_and_no_job_has_no_ids() -> None:
    shown = json.loads(JsonFormatter().format(record_of("x")))
    assert set(shown) == {"time", "level", "logger", "message"}


def handlers() -> list[logging.Handler]:
    """Of every logger there is."""
    loggers: list[Any] = [
        logging.getLogger(),
        *logging.Logger.manager.loggerDict.values(),
    ]
    return [one for log in loggers for one in getattr(log, "handlers", [])]


def test_every_handler_of_the_settings_cuts_tokens() -> None:
    for handler in settings.LOGGING["handlers"].values():
        formatter = settings.LOGGING["formatters"][handler["formatter"]]
        assert formatter["()"] in FORMATTERS.values()
    assert all(issubclass(one, DiscreetFormatter) for one in FORMATTERS.values())
    ours = [one for one in handlers() if type(one).__module__.startswith("logging")]
    assert [one for one in ours if isinstance(one.formatter, DiscreetFormatter)]
    for name in ("django", "django.server", "django.request"):
        assert logging.getLogger(name).handlers == []


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the console shows."""
    shown: list[str] = []
    (console,) = (
        one
        for one in logging.getLogger().handlers
        if isinstance(one.formatter, DiscreetFormatter)
    )
    monkeypatch.setattr(
        console, "emit", lambda record: shown.append(console.format(record))
    )
    return shown


FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=x"
FILE = (
    '--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n'
    "Content-Transfer-Encoding: base64\r\n\r\n{}\r\n"
)
SUSPICIOUS: dict[str, dict[str, Any]] = {
    "a foreign host": {"headers": {"host": "evil.example"}},
    "a host that is none": {"headers": {"host": "a b\\c"}},
    "too many fields": {"data": "a=1&" * 1_100, "content_type": FORM},
    "too many files": {
        "data": FILE.format("") * 110 + "--x--\r\n",
        "content_type": MULTIPART,
    },
    "no boundary": {"data": "a", "content_type": "multipart/form-data"},
    "a boundary that is none": {"data": "a", "content_type": f"{MULTIPART[:-1]}\xe9"},
    "no base64": {"data": FILE.format("a!b") + "--x--\r\n", "content_type": MULTIPART},
    "no end": {"data": FILE.format("YQ==")[:40], "content_type": MULTIPART},
    "a charset that is none": {"data": "a=1", "content_type": f"{FORM}; charset=x"},
    "a session of nobody": {"headers": {"cookie": "sessionid=../../x; messages=x"}},
    "a token of another form": {"headers": {"cookie": "csrftoken=\x00"}},
}


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/login/", "/admin/login/", "/api/goals/"])
@pytest.mark.parametrize("what", SUSPICIOUS)
def test_a_suspicious_request_logs_one_line_at_most(
    logged: list[str], what: str, path: str
) -> None:
    client = Client(raise_request_exception=False, enforce_csrf_checks=True)
    client.cookies["csrftoken"] = "a" * 32  # else nothing looks into the body
    asked = {"data": "", "content_type": FORM, **SUSPICIOUS[what]}
    answer = client.generic("POST", path, **asked)
    assert 400 <= answer.status_code < 500
    assert len("\n".join(logged).splitlines()) <= 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("error", "status"),
    [(OperationalError("gone"), 503), (RuntimeError(ADDRESS), 500)],
)
def test_a_failure_is_logged_without_the_address(
    monkeypatch: pytest.MonkeyPatch, logged: list[str], error: Exception, status: int
) -> None:
    """As the console shows it, traceback and all."""

    def fail(token: str, now: Any) -> None:
        raise error

    monkeypatch.setattr(webhooks, "find_webhook", fail)
    client = Client(raise_request_exception=False)
    answer = client.post(ADDRESS, "{}", content_type="application/json")
    assert answer.status_code == status
    text = "\n".join(logged)
    assert ("Traceback" in text) == (status == 500)
    assert "/api/webhooks/freqtrade/…" in text
    assert TOKEN not in text


@pytest.mark.parametrize("end", ["\n", "\r", "\x1b[2J", "\x85", "\u2028"])
def test_what_a_client_sends_begins_no_line_of_its_own(end: str) -> None:
    record = logging.makeLogRecord(
        {"msg": "Client disconnected while serving %s", "args": (f"/a{end}forged",)}
    )
    line = DiscreetFormatter("%(message)s").format(record)
    assert len(line.splitlines()) == 1
    assert line.isprintable()
