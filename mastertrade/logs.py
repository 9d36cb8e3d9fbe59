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


class DiscreetFormatter(logging.Formatter):
    """Cuts tokens out of the finished line, the traceback below it included."""

    def format(self, record: logging.LogRecord) -> str:
        return cut_tokens(super().format(record))


def without_traceback(record: logging.LogRecord) -> bool:
    """A filter for what a client got wrong: one line, however deep it was found."""
    record.exc_info = record.exc_text = record.stack_info = None
    return True
