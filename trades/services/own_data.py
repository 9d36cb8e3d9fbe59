"""Everything of a user in one zip, made while it is sent: memory stays flat.

A table is a CSV, read in pieces by its key: no transaction is open while the other end
reads slowly. What is booked meanwhile may be in a later table and not in an earlier
one. Secrets, and what is made again from the rest, are left out.
"""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from django.apps import apps
from django.db.models import Model

from goals.models import (
    AlertChannel,
    ApiToken,
    GoalAdjustmentLog,
    GoalForecast,
    Invitation,
    LedgerEntry,
    PolicyTable,
    SignInCount,
    TradeEntry,
    User,
)
from mastertrade.values.money import format_plain
from trades.importing.formats.own import escape_cell
from trades.models import (
    GrowthRecord,
    ImportUpload,
    JobError,
    ReplayRun,
    UserJob,
    WebhookToken,
)

APPS = ("goals", "strategies", "trades")
# How a row's owner is found: the first of these that the model has.
OWNERS = (
    ("user", "user__username"),
    ("invited_by", "invited_by"),
    ("portfolio", "portfolio__user"),
    ("goal", "goal__user"),
    ("alert", "alert__user"),
    ("trade", "trade__user"),
)
# Of nobody; views of other tables; the user, who is in account.json.
LEFT_OUT: tuple[type[Model], ...] = (
    PolicyTable,
    SignInCount,
    JobError,
    GoalForecast,
    GrowthRecord,
    ImportUpload,
    LedgerEntry,
    TradeEntry,
    User,
)
SECRETS: dict[type[Model], frozenset[str]] = {
    AlertChannel: frozenset({"address", "secret"}),
    ApiToken: frozenset({"digest"}),
    Invitation: frozenset({"token_digest"}),
    WebhookToken: frozenset({"token_digest"}),
}
ACCOUNT = (
    "username",
    "email",
    "first_name",
    "last_name",
    "time_zone",
    "number_format",
    "date_joined",
    "last_login",
)
# Rows that are read at once; fewer where one may be large.
ROWS_AT_ONCE = 1000
LARGE_ROWS: dict[type[Model], int] = {
    GoalAdjustmentLog: 200,
    ReplayRun: 4,
    UserJob: 20,
}
README = """Everything that MasterTrade stores of {name}, as of {at}.

account.json is the account; each other file is a table, a row a line, with the names
of its columns in the first. Times are UTC, decimals exact, percentages in percent. A
cell of text that a spreadsheet would take for a formula begins with an apostrophe.
Left out are secrets (passwords, tokens, addresses of channels) and what is made again
from the rest. To import trades elsewhere: manage.py export_trades.
"""


class Pipe(io.RawIOBase):
    """Holds what was written until it is taken."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        taken, self._pieces = b"".join(self._pieces), []
        return taken


def own_models() -> list[type[Model]]:
    """The tables of users' rows, in the order of their names."""
    models = [one for app in APPS for one in apps.get_app_config(app).get_models()]
    own = [one for one in models if one not in LEFT_OUT]
    return sorted(own, key=lambda one: one._meta.db_table)


def owner_of(model: type[Model]) -> str:
    """The lookup of the owner's name."""
    names = {field.name for field in model._meta.concrete_fields}
    return next(lookup for name, lookup in OWNERS if name in names)


def stream_own_data(user: User, now: datetime) -> Iterator[bytes]:
    """The zip, piece by piece; a constant number of rows is in memory."""
    pipe = Pipe()
    at = _plain(now)
    with ZipFile(pipe, "w", ZIP_DEFLATED) as archive:
        readme = README.format(name=user.username, at=at)
        archive.writestr("README.txt", readme)
        account = {name: _plain(getattr(user, name)) for name in ACCOUNT}
        archive.writestr("account.json", json.dumps(account, indent=2))
        for model in own_models():
            name = f"{model._meta.db_table}.csv"
            with archive.open(name, "w", force_zip64=True) as member:
                for piece in _csv_of(model, user):
                    member.write(piece)
                    yield pipe.take()
    yield pipe.take()


def _csv_of(model: type[Model], user: User) -> Iterator[bytes]:
    secret = SECRETS.get(model, frozenset())
    fields = [one for one in model._meta.concrete_fields if one.name not in secret]
    yield _lines([[str(one.column) for one in fields]])
    mine = model._default_manager.filter(**{owner_of(model): user.username})
    columns = ["pk", *(one.attname for one in fields)]
    at_once, after = LARGE_ROWS.get(model, ROWS_AT_ONCE), None
    while True:
        further = mine if after is None else mine.filter(pk__gt=after)
        rows = list(further.order_by("pk").values_list(*columns)[:at_once])
        if rows:
            yield _lines([[_cell(value) for value in row[1:]] for row in rows])
        if len(rows) < at_once:
            return
        after = rows[-1][0]


def _lines(rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return escape_cell(value)
    if isinstance(value, (dict, list)):
        return json.dumps(value)
    return _plain(value) or ""


def _plain(value: Any) -> str:
    """As the API writes it; nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format_plain(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value)
