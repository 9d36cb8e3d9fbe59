"""Whether the site can be served at a port; standard library only."""

import errno
import socket
from http.client import HTTPConnection, HTTPException

HOST = "127.0.0.1"
ANSWER_SECONDS = 2.0


def explain_port(text: str) -> str | None:
    """What is wrong with a port as it was given, in one line; None where it is free."""
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:6]) < 65536):
        return (
            f"PORT must be a number from 1 to 65535, not {text!r}: make run PORT=8080"
        )
    return explain_address(HOST, int(text))


def explain_address(host: str, port: int) -> str | None:
    """Why nothing can be served there, in one line; None where something can."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        # As the server will bind it: a connection that is closing does not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            return (
                f"Port {port} needs root's rights, as most below 1024 do. Choose "
                "another: make run PORT=8080"
            )
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                return f"Cannot serve at {host}:{port}: {error.strerror}."
            return (
                f"Port {port} is taken by {_who_serves(host, port)}. Stop it, or "
                f"choose another port: make run PORT={port % 65535 + 1}"
            )
    return None


def _who_serves(host: str, port: int) -> str:
    connection = HTTPConnection(host, port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/healthz")
        if connection.getresponse().read(200) == b'{"status": "ok"}':
            return f"MasterTrade, which runs already: http://{host}:{port}/"
    except (OSError, HTTPException):
        pass
    finally:
        connection.close()
    return "another program"
