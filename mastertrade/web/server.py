"""gunicorn's worker processes, in which waitress holds the connections.

One thread of a worker reads and writes all its connections; a request is handed to one
of the others when it has come in whole, and its answer is sent without them. So a
client that sends nothing, or a byte a second, or reads no answer, holds a connection
and no thread. Chunked bodies come with their length. Who may connect, and what they may
send, is in `mastertrade.web.connections`.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterable
from types import FrameType
from typing import Any

from gunicorn.glogging import Logger
from gunicorn.workers.base import Worker
from waitress import wasyncore
from waitress.server import BaseWSGIServer, create_server
from waitress.task import ThreadedTaskDispatcher

from mastertrade.environment import read_choice
from mastertrade.logs import FORMATTERS
from mastertrade.web.connections import IDLE_SECONDS, Channel, FairQueue, Gate

# Connections of one worker; each takes up to three of the 1,024 files that a process
# may commonly have open.
MOST_CONNECTIONS = 320
LONGEST_HEADERS = 32_768
# How often the worker looks whether it is to stop, shows that it lives, and looks after
# its connections.
HEARTBEAT_SECONDS = 1


class BufferingWorker(Worker):  # type: ignore[misc]
    """`--worker-class mastertrade.web.server.BufferingWorker`; `--threads` answer.

    A request that takes longer than `--timeout` ends its worker, as gunicorn's own do.
    """

    # Asked to end without answering what has come in.
    in_a_hurry = False

    def init_signals(self) -> None:
        """No signal finds its default action, which gunicorn sets for a moment."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, self.SIGNALS)
        super().init_signals()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def handle_quit(self, number: int, frame: FrameType | None) -> None:
        """SIGINT and SIGQUIT end `run`; gunicorn's own raises wherever it strikes.

        In the middle of an import or of starting a thread that is a traceback.
        """
        self.in_a_hurry = True
        self.alive = False

    def run(self) -> None:
        self.working: dict[int, float] = {}
        self.connections: dict[int, Any] = {}
        self.gate, self.next_look = Gate(self.connections), 0.0
        dispatcher = ThreadedTaskDispatcher()
        dispatcher.queue = FairQueue()
        dispatcher.set_thread_count(self.cfg.threads)
        self.server: Any = create_server(
            self._answer,
            _dispatcher=dispatcher,
            map=self.connections,
            sockets=[listener.sock for listener in self.sockets],
            backlog=self.cfg.backlog,
            connection_limit=MOST_CONNECTIONS,
            channel_timeout=IDLE_SECONDS,
            cleanup_interval=IDLE_SECONDS // 3,
            max_request_header_size=LONGEST_HEADERS,
            max_request_body_size=sys.maxsize,  # by its path: `connections`
            # An answer waits on the disk for its reader, and holds no thread.
            outbuf_high_watermark=sys.maxsize,
            asyncore_use_poll=True,
            log_socket_errors=False,
            ident=None,
            # Whom to believe is the application's to say (`believe_trusted_proxies`).
            clear_untrusted_proxy_headers=False,
        )
        for one in self.connections.values():
            if isinstance(one, BaseWSGIServer):
                one.channel_class = self.gate
        while self.alive and os.getppid() == self.ppid:
            self._show_life()
            self._turn()
        if not self.in_a_hurry:
            self._finish()
        # As Python ends it gives every handled signal its default action back.
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)

    def _turn(self) -> None:
        wasyncore.loop(HEARTBEAT_SECONDS, use_poll=True, map=self.connections, count=1)
        now = time.monotonic()
        if now >= self.next_look:
            self.next_look = now + HEARTBEAT_SECONDS
            self.gate.look_after_all()

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
        while self._is_busy() and time.monotonic() < end and not self.in_a_hurry:
            self._show_life()
            self._turn()
        self.server.task_dispatcher.shutdown(timeout=1)

    def _is_busy(self) -> bool:
        now = time.monotonic()
        return any(
            isinstance(one, Channel) and one.awaits_answer(now)
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
        kind = FORMATTERS[read_choice("MASTERTRADE_LOG_FORMAT", "line", FORMATTERS)]
        for handler in (*self.error_log.handlers, *self.access_log.handlers):
            wanted = handler.formatter
            handler.setFormatter(kind(wanted._fmt, wanted.datefmt))
