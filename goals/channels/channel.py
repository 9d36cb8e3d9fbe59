"""What a channel is, and what is sent over it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

# Of what a receiver answers no more is read, and of its words no more is shown.
LARGEST_ANSWER = 65_536
LONGEST_SHOWN = 300
# The whole of a delivery: name, connection, TLS and answer.
SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Message:
    """One alert, or several in a digest, as a person and as a program reads it.

    `key` is the same whenever the same message is sent again. `data` is plain JSON.
    """

    key: str
    title: str
    text: str
    html: str
    data: Mapping[str, Any]


class NotSent(Exception):
    """It could not be sent; the text says why and holds no part of the address.

    `no_answer`: nobody answered at all, so that another message would fare no better.
    """

    def __init__(self, reason: str, *, no_answer: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.no_answer = no_answer


@dataclass(frozen=True, slots=True)
class Channel:
    """A way to reach a user.

    `check` raises `InvalidInput` for an address that nothing can be sent to, and
    returns what may be shown of it. `check_guarded` does what of that a library does
    with the address, in the sender. `send` takes address, secret (empty but for
    webhooks) and message; it returns what the receiver answered, or raises `NotSent`.
    One that is not guarded takes `seconds`, too, and bounds itself by them.
    `guarded`: the user names the machine to connect to, so that it is sent by a process
    whose connects are checked (`sender`).
    `most_per_minute`: the most messages that a user may let it send; more than a person
    reads only where a program does.
    """

    check: Callable[[str], str]
    send: Callable[..., str]
    guarded: bool = True
    check_guarded: Callable[[str], None] | None = None
    most_per_minute: int = 60


def shown_answer(body: bytes) -> str:
    """What may be shown of an answer's body: its beginning, in one line."""
    text = body[: 4 * LONGEST_SHOWN].decode("utf-8", "replace")
    line = " ".join(text.split())
    printable = "".join(c for c in line if c.isprintable())
    if len(printable) <= LONGEST_SHOWN:
        return printable
    return f"{printable[: LONGEST_SHOWN - 1]}…"
