"""gunicorn's worker processes, in which waitress holds the connections.

One thread of a worker reads and writes all its connections; a request is handed to one
of the others when it has come in whole, and its answer is sent without them. So a
client that sends nothing, or a byte a second, or reads no answer, holds a connection
and no thread. Chunked bodies come with their length.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Iterable
from typing import Any

from gunicorn.glogging import Logger
from gunicorn.workers.base import Worker
from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import BaseWSGIServer, create_server
from waitress.task import ErrorTask
from waitress.utilities import BadRequest

from mastertrade.environment import read_int
from mastertrade.logs import DiscreetFormatter

# Connections of one worker; each takes up to three of the 1,024 files that a process
# may commonly have open.
MOST_CONNECTIONS = 320
# A connection without a request in work is closed when nothing came for this long.
IDLE_SECONDS = 30
LONGEST_HEADERS = 32_768
# Between chunks: their sizes, and what follows the last. It is read again from its
# beginning whenever more of it comes.
LONGEST_CHUNK_LINE = 4_096
CODES = {413: "too_large", 431: "headers_too_large", 500: "internal_error"}
# How often the worker looks whether it is to stop, and shows that it lives.
HEARTBEAT_SECONDS = 1


class Refusal(ErrorTask):  # type: ignore[misc]
    """What is refused before the application sees it, in the API's words."""

    def execute(self) -> None:
        error = self.request.error
        code = CODES.get(error.code, "bad_request")
        body = json.dumps({"code": code, "detail": f"{error.body}."}).encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers.append(("Content-Type", "application/json"))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class Parser(HTTPRequestParser):  # type: ignore[misc]
    completed: bool
    error: Any

    def received(self, data: bytes) -> int:
        count: int = super().received(data)
        if self.chunked and not self.completed:
            lines = self.body_rcv.control_line, self.body_rcv.trailer
            if max(map(len, lines)) > LONGEST_CHUNK_LINE:
                self.error = BadRequest("A line between chunks is too long")
                self.completed = True
        return count

    def parse_header(self, header_plus: bytes) -> None:
        try:
            super().parse_header(header_plus)
        except ValueError:  # an address or a number beyond what Python reads
            raise ParsingError("HTTP message header invalid") from None


class Channel(HTTPChannel):  # type: ignore[misc]
    error_task_class = Refusal
    parser_class = Parser
    requests: list[Any]

    def service(self) -> None:
        """Answer a request; none that came before the answer to another was read."""
        if not self.total_outbufs_len:
            super().service()
            return
        with self.requests_lock:
            for request in self.requests:
                request.close()
            self.requests = []
            self.close_when_flushed = True
        self.server.pull_trigger()


class BufferingWorker(Worker):  # type: ignore[misc]
    """`--worker-class mastertrade.server.BufferingWorker`; `--threads` answer.

    A request that takes longer than `--timeout` ends its worker, as gunicorn's own do.
    """

    def run(self) -> None:
        self.working: dict[int, float] = {}
        self.connections: dict[int, Any] = {}
        self.server: Any = create_server(
            self._answer,
            map=self.connections,
            sockets=[listener.sock for listener in self.sockets],
            threads=self.cfg.threads,
            backlog=self.cfg.backlog,
            connection_limit=MOST_CONNECTIONS,
            channel_timeout=IDLE_SECONDS,
            cleanup_interval=IDLE_SECONDS // 3,
            max_request_header_size=LONGEST_HEADERS,
            max_request_body_size=read_int(
                "MASTERTRADE_UPLOAD_BYTES", default=100 * 2**20
            ),
            # An answer waits on the disk for its reader, and holds no thread.
            outbuf_high_watermark=sys.maxsize,
            asyncore_use_poll=True,
            log_socket_errors=False,
            ident=None,
            # Whom to believe is the application's to say (`mastertrade.proxies`).
            clear_untrusted_proxy_headers=False,
        )
        for one in self.connections.values():
            if isinstance(one, BaseWSGIServer):
                one.channel_class = Channel
        while self.alive and os.getppid() == self.ppid:
            self._show_life()
            self._turn()
        self._finish()

    def _turn(self) -> None:
        wasyncore.loop(HEARTBEAT_SECONDS, use_poll=True, map=self.connections, count=1)

    def _answer(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        thread = threading.get_ident()
        self.working[thread] = time.monotonic()
        try:
            answer: Iterable[bytes] = self.wsgi(environ, start_response)
            return (
                _without_body(answer) if environ["REQUEST_METHOD"] == "HEAD" else answer
            )
        finally:
            del self.working[thread]

    def _show_life(self) -> None:
        """Unless a request takes too long: then gunicorn ends this worker."""
        latest = time.monotonic() - self.cfg.timeout
        if not self.cfg.timeout or all(
            began > latest for began in list(self.working.values())
        ):
            self.notify()

    def _finish(self) -> None:
        """Told to end: accept nothing more, answer what has come in, and end."""
        end = time.monotonic() + self.cfg.graceful_timeout
        for one in self.connections.values():
            if isinstance(one, BaseWSGIServer):
                one.accepting = False
        while self._is_busy() and time.monotonic() < end:
            self._show_life()
            self._turn()
        self.server.task_dispatcher.shutdown(timeout=1)

    def _is_busy(self) -> bool:
        return any(
            isinstance(one, HTTPChannel) and (one.requests or one.total_outbufs_len)
            for one in self.connections.values()
        )


def _without_body(answer: Iterable[bytes]) -> Iterable[bytes]:
    """To HEAD; waitress leaves it to the application, which leaves it to the server."""
    if hasattr(answer, "close"):
        answer.close()
    return []


class DiscreetLogger(Logger):  # type: ignore[misc]
    """gunicorn's own logs, without the addresses of webhooks."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for handler in (*self.error_log.handlers, *self.access_log.handlers):
            wanted = handler.formatter
            handler.setFormatter(DiscreetFormatter(wanted._fmt, wanted.datefmt))
