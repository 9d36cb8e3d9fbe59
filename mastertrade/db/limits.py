"""How long the database may be waited for before a request or a command gives up."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, connections

SETTINGS = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")

# SQLSTATE of a lock, a statement and an idle transaction that took longer than allowed.
TIMED_OUT = frozenset({"55P03", "57014", "25P03"})


@dataclass(frozen=True)
class Limits:
    """In milliseconds: for a lock, for a statement, for a transaction that idles."""

    lock_timeout: int
    statement_timeout: int
    idle_in_transaction_session_timeout: int
    # Instead of the first where most threads of a process wait: those behind them must
    # not wait for a lock that they do not want.
    crowded_lock_timeout: int

    @cached_property
    def for_transaction(self) -> str:
        """SQL for the transaction that has just begun."""
        return "; ".join(f"SET LOCAL {name} = {ms}" for name, ms in self._values())

    @cached_property
    def for_role(self) -> str:
        """SQL for the sessions that this role begins in this database from now on."""
        database = connection.ops.quote_name(connection.settings_dict["NAME"])
        role = f"ALTER ROLE CURRENT_USER IN DATABASE {database}"
        return "; ".join(f"{role} SET {name} = {ms}" for name, ms in self._values())

    @cached_property
    def in_a_crowd(self) -> "Limits":
        return replace(self, lock_timeout=self.crowded_lock_timeout)

    def _values(self) -> list[tuple[str, int]]:
        return [(name, getattr(self, name)) for name in SETTINGS]


# For commands, migrations and imports: nobody waits for them with a time-out.
LONG = Limits(60_000, 3_600_000, 3_600_000, 60_000)


def serve_requests() -> None:
    """From now on transactions of this process have the limits of web requests."""
    connections["default"].settings_dict["LIMITS"] = settings.WEB_LIMITS


def limit_role(**sender: Any) -> None:
    """Limit statements outside transactions; called after each `migrate`.

    There `SET LOCAL` holds nothing, and a pooler would hand what a session sets to
    another. Tests share their role with other programs and leave it alone.
    """
    if settings.TESTING:
        return
    with connection.cursor() as cursor:
        cursor.execute(settings.WEB_LIMITS.for_role)


def has_timed_out(failure: BaseException) -> bool:
    """Whether a time limit of the database ended it: it is undone."""
    return getattr(failure.__cause__, "sqlstate", None) in TIMED_OUT


def is_unreachable(failure: BaseException) -> bool:
    """Whether the database failed rather than refused; it may be done or not."""
    return isinstance(failure, (OperationalError, InterfaceError))
