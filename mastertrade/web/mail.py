"""Mail that is sent within a time, however slowly its server answers."""

import socket
from contextlib import suppress
from threading import Event, Thread
from typing import Any

from django.core.mail import EmailMessage, get_connection


def send_within(mail: EmailMessage, seconds: float) -> None:
    """Send it, or raise `TimeoutError`: then its connection is cut, too.

    EMAIL_TIMEOUT bounds each answer of the server only, and nothing bounds a name.
    Raises what the backend does: `SMTPException`, `OSError`.
    """
    sending = _Sending(mail)
    sending.start()
    if not sending.finished.wait(seconds):
        sending.give_up()
        raise TimeoutError(f"The mail server took longer than {seconds:g} seconds.")
    if sending.failure is not None:
        raise sending.failure


class _Sending(Thread):
    def __init__(self, mail: EmailMessage) -> None:
        super().__init__(daemon=True)
        self.finished = Event()
        self.failure: Exception | None = None
        self._mail = mail
        self._connection: Any = get_connection()
        mail.connection = self._connection
        self._is_given_up = False

    def run(self) -> None:
        try:
            self._connection.open()
            if self._is_given_up:
                return
            self._mail.send()
        except Exception as error:
            self.failure = error
        finally:
            self.finished.set()  # nobody waits for the goodbye
            with suppress(OSError):  # of smtplib too
                self._connection.close()

    def give_up(self) -> None:
        """First the mark, then the cut: whatever is not sent yet is not sent."""
        self._is_given_up = True
        server = getattr(self._connection, "connection", None)
        if (connected := getattr(server, "sock", None)) is not None:
            with suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)
