"""Say before the work that the site cannot be served, not after it."""

import errno
import socket
from http.client import HTTPConnection, HTTPException
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

HOST = "127.0.0.1"
SECONDS = 2.0


class Command(BaseCommand):
    help = "Exit 1 with one line if the site's port is taken, by MasterTrade or others."
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, **options: Any) -> None:
        port = options["port"]
        if not _is_taken(port):
            return
        who = "another program"
        if _is_mastertrade(port):
            who = f"MasterTrade, which runs already: http://{HOST}:{port}/"
        raise CommandError(
            f"Port {port} is taken by {who}. "
            f"Use that one, stop it, or choose another port: make run PORT={port + 1}"
        )


def _is_taken(port: int) -> bool:
    """As the server will bind it: a connection that is just closing does not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return True
            raise CommandError(f"Port {port}: {error.strerror}.") from error
        except OverflowError as error:
            raise CommandError("--port must lie between 1 and 65535.") from error
    return False


def _is_mastertrade(port: int) -> bool:
    connection = HTTPConnection(HOST, port, timeout=SECONDS)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().read(200) == b'{"status": "ok"}'
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
