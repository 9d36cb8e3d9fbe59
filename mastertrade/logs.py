"""What no log holds: the address of a webhook, which is all its credentials."""

import logging
import re

# `…/webhooks/freqtrade/<token>/`, and as it stands within another address.
WEBHOOK_TOKEN = re.compile(
    r"(webhooks(?:/|%2f)+freqtrade(?:/|%2f)+)[^/\s?#'\"<>&]+", re.IGNORECASE
)


def cut_tokens(text: str) -> str:
    """The text with `…` for each webhook's token."""
    return WEBHOOK_TOKEN.sub(r"\1…", text)


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


def without_clients_traceback(record: logging.LogRecord) -> bool:
    """A filter: one line for what a client got wrong, however deep it was found.

    Django logs suspicious requests below `django.security`, each kind by a name.
    """
    if record.name.startswith("django.security."):
        record.exc_info = record.exc_text = record.stack_info = None
    return True
