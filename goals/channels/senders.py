"""The senders of this process: started when needed, given back, ended when they hang.

Each is used by one thread at a time. A request that is not answered in time ends its
sender, whatever it was waiting for: a name, a connection, or the rest of an answer.
"""

import atexit
import json
import os
import select
import subprocess  # nosec B404
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from threading import BoundedSemaphore, Lock
from time import monotonic

from goals.channels.channel import LARGEST_ANSWER, SECONDS, Message, NotSent
from mastertrade.values.exceptions import InvalidInput

ROOT = Path(__file__).resolve().parent.parent.parent
MOST_SENDERS = 8
# To start Python, apart from what is sent.
STARTING_SECONDS = 20.0
# Neither proxies, whose target nobody sees, nor secrets.
ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR")


class Busy(Exception):
    """All senders are in use."""


class Sender:
    """One child process."""

    def __init__(self, *, private_targets: bool) -> None:
        known = {one: os.environ[one] for one in ENVIRONMENT if one in os.environ}
        options = ["--private-targets"] if private_targets else []
        self._process = subprocess.Popen(  # nosec B603
            [sys.executable, "-m", "goals.channels.sender", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            env=known,
            start_new_session=True,  # Ctrl-C is for the worker, which ends its senders
        )
        self._rest = b""
        try:
            self._read_line(monotonic() + STARTING_SECONDS)
        except BaseException:
            self.end()
            raise

    def ask(self, request: dict[str, object], seconds: float) -> dict[str, object]:
        """Its answer; `TimeoutError` without one in time, `EOFError` if it ended."""
        assert self._process.stdin is not None
        line = json.dumps(request).encode() + b"\n"
        try:
            self._process.stdin.write(line)
            self._process.stdin.flush()
        except BrokenPipeError:
            raise EOFError from None
        answer: dict[str, object] = json.loads(self._read_line(monotonic() + seconds))
        return answer

    def _read_line(self, until: float) -> bytes:
        assert self._process.stdout is not None
        source = self._process.stdout.fileno()
        while b"\n" not in self._rest:
            left = until - monotonic()
            if left <= 0 or not select.select([source], [], [], left)[0]:
                raise TimeoutError
            read = os.read(source, LARGEST_ANSWER)
            if not read:
                raise EOFError
            self._rest += read
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                # What it did not take any more goes with it.
                with suppress(BrokenPipeError):
                    pipe.close()


class Senders:
    """Those that wait for the next request, and room for `MOST_SENDERS` at once."""

    def __init__(self, *, private_targets: bool) -> None:
        self._private_targets = private_targets
        self._idle: list[Sender] = []
        self._lock = Lock()
        self._room = BoundedSemaphore(MOST_SENDERS)
        atexit.register(self.end)

    def send(
        self,
        *,
        kind: str,
        address: str,
        secret: str,
        message: Message,
        seconds: float = SECONDS,
    ) -> str:
        """What the receiver answered; raises `NotSent`, or `Busy`, which cost nothing.

        `seconds` bound the whole of it: name, connection, handshake and answer.
        """
        return self._request(kind, address, secret, asdict(message), seconds)

    def check(self, *, kind: str, address: str, seconds: float = SECONDS) -> None:
        """Have the library of a channel look at an address; may raise `InvalidInput`.

        `NotSent` without an answer in time.
        """
        self._request(kind, address, "", None, seconds)

    def _request(
        self,
        kind: str,
        address: str,
        secret: str,
        message: dict[str, object] | None,
        seconds: float,
    ) -> str:
        request: dict[str, object] = {
            "kind": kind,
            "address": address,
            "secret": secret,
            "message": message,
        }
        if not self._room.acquire(timeout=seconds):
            raise Busy
        try:
            answer = self._ask(request, seconds)
        finally:
            self._room.release()
        if "wrong" in answer:
            raise InvalidInput("address", str(answer["wrong"]))
        if "error" in answer:
            raise NotSent(str(answer["error"]), no_answer=bool(answer["no_answer"]))
        return str(answer["answer"])

    def _ask(self, request: dict[str, object], seconds: float) -> dict[str, object]:
        with self._lock:
            sender = self._idle.pop() if self._idle else None
        try:
            sender = sender or Sender(private_targets=self._private_targets)
            answer = sender.ask(request, seconds)
        except BaseException as error:
            if sender is not None:
                sender.end()
            if isinstance(error, TimeoutError):
                words = f"The receiver did not answer within {seconds:g} seconds."
                raise NotSent(words, no_answer=True) from None
            if isinstance(error, EOFError):
                raise NotSent("The process that sends ended.") from None
            raise
        with self._lock:
            self._idle.append(sender)
        return answer

    def end(self) -> None:
        """End the ones that wait."""
        with self._lock:
            idle, self._idle = self._idle, []
        for sender in idle:
            sender.end()
