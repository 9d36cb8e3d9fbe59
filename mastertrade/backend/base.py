"""The backend itself; Django looks for it in a module of this name."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import psycopg
from django.db.backends.postgresql import base, client
from django.db.backends.utils import debug_transaction

from mastertrade.backend.niceness import share_niceness
from mastertrade.db.limits import Limits
from mastertrade.postgres import DatabaseUnavailable

# Transactions of one process at once, beyond which there is a crowd. The threads that
# are left (gunicorn.conf.py) answer those who want another portfolio than a locked one.
FEW_BUSY = 10


class DatabaseClient(client.DatabaseClient):
    """`manage.py dbshell`, which needs the address before there is a connection."""

    def runshell(self, parameters: Iterable[str]) -> None:
        self.connection.get_connection_params()
        super().runshell(parameters)


class DatabaseWrapper(base.DatabaseWrapper):
    """A transaction begins with its limits, in one message to the server.

    `SET LOCAL` holds wherever a pooler sends the transaction, and ends with it. It goes
    along with BEGIN, which had to be sent anyway, so it costs no round trip.

    Each new connection joins the embedded server, or starts it, where that one serves;
    its session is as nice as this process.
    """

    client_class = DatabaseClient
    # Instead of those in the settings, while not None.
    own_limits: Limits | None = None
    # The connections of this process that are in a transaction.
    busy: ClassVar[set[int]] = set()

    def get_connection_params(self) -> dict[str, Any]:
        embedded = self.settings_dict.get("EMBEDDED")
        if embedded is not None:
            try:
                server = embedded.serve()
            except DatabaseUnavailable as error:
                raise psycopg.OperationalError(str(error)) from error
            self.settings_dict |= server.settings
        return super().get_connection_params()

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        made = super().get_new_connection(conn_params)
        share_niceness(made)
        return made

    def _start_transaction_under_autocommit(self) -> None:
        """Django calls this where a backend has it, instead of leaving autocommit."""
        limits = self.own_limits or self.settings_dict["LIMITS"]
        self.busy.add(id(self))
        if len(self.busy) > FEW_BUSY:
            limits = limits.in_a_crowd
        raw: Any = self.connection
        with debug_transaction(self, "BEGIN"), self.wrap_database_errors:
            raw.execute(f"BEGIN; {limits.for_transaction}")

    def _set_autocommit(self, autocommit: bool) -> None:
        self.busy.discard(id(self))
        super()._set_autocommit(autocommit)  # type: ignore[misc]

    def _close(self) -> None:
        self.busy.discard(id(self))
        super()._close()  # type: ignore[misc]

    @contextmanager
    def limited(self, limits: Limits) -> Iterator[None]:
        """Other limits for the transactions that begin inside."""
        before, self.own_limits = self.own_limits, limits
        try:
            yield
        finally:
            self.own_limits = before
