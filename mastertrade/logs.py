"""What logs hold, as lines or as JSON, and what none does: credentials, addresses."""

import json
import logging
import re
import uuid
from contextvars import ContextVar
from datetime import UTC, datetime

# What a record belongs to; both are none outside a request and outside a job.
REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
JOB_ID: ContextVar[int | None] = ContextVar("job_id", default=None)

SECRETS = (
    # `…/webhooks/freqtrade/<token>/`, and as it stands within another address: the
    # address of a webhook is all its credentials.
    (r"(webhooks(?:/|%2f)+freqtrade(?:/|%2f)+)[^/\s?#'\"<>&]+", r"\1…"),
    # `/invitation/<token>/`, `/reset/<user>/<token>/`: they set a password
    (r"(/invitation(?:/|%2f)+)[^/\s?#'\"<>&]+", r"\1…"),
    (r"(/reset(?:/|%2f)+[^/\s?#'\"<>&]+(?:/|%2f)+)[^/\s?#'\"<>&]+", r"\1…"),
    # name:password@ of a URL
    (r"(\b[a-z][a-z0-9+.-]*://)[^/\s@'\"<>]+@", r"\1…@"),
    # Telegram's token of a bot
    (r"(/bot)\d+:[\w-]+", r"\1…"),
    # of an Authorization header
    (r"\b(token|bearer|basic)(\s+)[\w.~+/=-]{16,}", r"\1\2…"),
    # the name of a mail address
    (r"[\w.+-]+@((?:[\w-]+\.)+[a-z]{2,})\b", r"…@\1"),
)
_SECRETS = [(re.compile(pattern, re.IGNORECASE), cut) for pattern, cut in SECRETS]


def cut_tokens(text: str) -> str:
    """The text with `…` for credentials and for names of mail addresses."""
    for pattern, cut in _SECRETS:
        text = pattern.sub(cut, text)
    return text


def new_id() -> str:
    """For a request: 32 hexadecimal digits."""
    return uuid.uuid4().hex


# What ends a line, or moves a terminal's cursor.
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")


class DiscreetFormatter(logging.Formatter):
    """Cuts tokens out of the finished line, the traceback below it included.

    A record is one line: an address that was asked for may hold an end of line.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        line = super().formatMessage(record)
        return CONTROL.sub(lambda found: ascii(found[0])[1:-1], line)

    def format(self, record: logging.LogRecord) -> str:
        return cut_tokens(super().format(record))


class JsonFormatter(DiscreetFormatter):
    """A record is one line of JSON: time, level, logger, message, and where there are
    any request_id, job_id and exception."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC)
        shown: dict[str, object] = {
            "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": cut_tokens(record.getMessage()),
            "request_id": REQUEST_ID.get(),
            "job_id": JOB_ID.get(),
        }
        if record.exc_info:
            shown["exception"] = cut_tokens(self.formatException(record.exc_info))
        return json.dumps({k: v for k, v in shown.items() if v is not None})


FORMATTERS = {"line": DiscreetFormatter, "json": JsonFormatter}


def without_clients_traceback(record: logging.LogRecord) -> bool:
    """A filter: one line for what a client got wrong, however deep it was found.

    Django logs suspicious requests below `django.security`, each kind by a name.
    """
    if record.name.startswith("django.security."):
        record.exc_info = record.exc_text = record.stack_info = None
    return True
