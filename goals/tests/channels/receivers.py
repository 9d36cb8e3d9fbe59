"""Receivers on this machine: HTTP, HTTPS and SMTP servers that behave as asked."""

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default as default_policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Event, Thread
from typing import Any

from aiosmtpd.controller import Controller
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID


@dataclass
class Received:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """What came in, and where it listens."""

    port: int
    scheme: str = "http"
    received: list[Received] = field(default_factory=list)
    closing: Event = field(default_factory=Event)
    # While it is cleared `ok` does not answer.
    answers: Event = field(default_factory=Event)

    def __post_init__(self) -> None:
        self.answers.set()

    def url(self, path: str = "ok", host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}/{path}"


class _Handler(BaseHTTPRequestHandler):
    """What the path's first word says."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    receiver: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.receiver.received.append(Received(self.path, headers, body))
        try:
            getattr(self, self.path.split("/")[1].split("?")[0] or "ok")()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the sender gave up

    def ok(self) -> None:
        self.receiver.answers.wait(30)
        self._answer(200, b"taken")

    def error(self) -> None:
        self._answer(500, b"out of order\x1b[31m\n" * 100)

    def gone(self) -> None:
        self._answer(410, b"")

    def redirect(self) -> None:
        self.send_response(302)
        self.send_header("Location", self.receiver.url("ok/redirected"))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def slow(self) -> None:
        self.receiver.closing.wait(30)

    def trickle(self) -> None:
        """A byte of the head every 100 ms: never silent for long."""
        for byte in b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 300:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            if self.receiver.closing.wait(0.1):
                return

    def half(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"only this")
        self.wfile.flush()
        self.close_connection = True

    def endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        began = time.monotonic()
        while time.monotonic() - began < 20:
            self.wfile.write(b"a" * 65536)

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Nothing: a test looks at what was received."""


@contextmanager
def http_receiver(context: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    receiver = Receiver(0, "https" if context else "http")
    handler = type("Handler", (_Handler,), {"receiver": receiver})

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A sender that breaks off is what is tested."""

    server = Server(("127.0.0.1", 0), handler)
    if context is not None:
        # The handshake is the thread's, so that one that fails stops nothing.
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    receiver.port = server.server_port
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.closing.set()
        server.shutdown()
        server.server_close()


def make_certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, Path]:
    """A server's context with a certificate of that name or address, signed by itself.

    The path is that of the certificate, for whoever is to trust it.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    try:
        named: x509.GeneralName = x509.IPAddress(ip_address(name))
    except ValueError:
        named = x509.DNSName(name)
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([named]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    path, key_path = folder / f"{name}.pem", folder / f"{name}.key"
    path.write_bytes(certificate.public_bytes(Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key_path)
    return context, path


class Mailbox:
    """A mail server's: keeps what it took; `refuses` names who gets no mail."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.refuses: set[str] = set()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        mail = message_from_bytes(envelope.content, policy=default_policy)
        self.mails.append(mail)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if address in self.refuses:
            return f"550 no such mailbox {address}"
        envelope.rcpt_tos.append(address)
        return "250 OK"


@contextmanager
def mail_server() -> Iterator[tuple[Mailbox, int]]:
    mailbox = Mailbox()
    port = free_port()
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield mailbox, port
    finally:
        controller.stop()


@contextmanager
def slow_mail_server(
    pause: float, *, trickles: bool
) -> Iterator[tuple[list[str], int]]:
    """One that pauses before each answer, or each of its bytes; and what it took."""
    taken: list[str] = []
    closing = Event()

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):  # of who gave up
                self._answer(b"220 ready")
                while line := self.rfile.readline():
                    if line.upper().startswith(b"DATA"):
                        self._answer(b"354 go on")
                        while (line := self.rfile.readline()) not in (b".\r\n", b""):
                            pass
                        if line:
                            taken.append("a mail")
                    self._answer(b"250 OK")

        def _answer(self, line: bytes) -> None:
            whole = line + b"\r\n"
            for part in [bytes([one]) for one in whole] if trickles else [whole]:
                closing.wait(pause)
                self.wfile.write(part)

    server = ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield taken, server.server_address[1]
    finally:
        closing.set()
        server.shutdown()
        server.server_close()


def free_port() -> int:
    """One that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
