"""Importing trades from files: a file in one transaction, set by set."""

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, BinaryIO

from django.db import connection, transaction

from goals.decisions.alert_events import import_refused
from goals.decisions.alerts import Alert
from goals.models import Portfolio, User
from goals.services.alerts import write_alerts
from goals.services.entries import may_fill_day
from goals.services.limit_marks import keep_day_start
from goals.services.live import save_live
from goals.services.portfolios import find_portfolio, lock_portfolio
from goals.services.rebuilding import rebuild_ledger
from mastertrade.db.transactions import atomic, atomic_for_long
from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.messages import no_choice
from strategies.models import StrategyInstance
from trades.booking.trade_input import IMPORTED
from trades.importing import import_sql as sql
from trades.importing import import_writes as writes
from trades.importing.equal_fills import resolve_equal_trades
from trades.importing.fills import FillFormat
from trades.importing.formats import FORMAT_NAMES, FORMATS
from trades.importing.import_fills import FillImport
from trades.importing.options import ImportOptions
from trades.importing.previewing import (
    MOST_PREVIEWED,
    PREVIEW,
    PREVIEW_PROFIT,
    ImportPreview,
    ImportReport,
    PreviewRow,
)
from trades.importing.recognising import (
    HEAD_BYTES,
    refuse_unreadable,
    suggest_format,
)
from trades.importing.rows import Refusal
from trades.importing.staging import SHOWN_REFUSALS, Progress, Staging, TrackedReader
from trades.models import TradeImport
from trades.sizing_calls.catch_up import catch_up
from trades.sizing_calls.records import forget_records

LONGEST_NAME = 200


def import_trades(
    *,
    user: User,
    source: BinaryIO,
    file_name: str,
    format_name: str,
    now: datetime,
    portfolio: int | str | None = None,
    options: ImportOptions | None = None,
    partial: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Import a file's trades into a portfolio, once.

    Rows that are known already add nothing. If a row is refused, nothing is imported,
    unless `partial`: then all others are. Raises `InvalidInput` for `file` where it is
    not of that format at all. `source` is read from its beginning;
    `progress` is called with the number of bytes read since its last call. The user is
    alerted of refused rows: where they undo the import, in a transaction of its own.
    """
    report, undone = import_or_undo(
        user=user,
        source=source,
        file_name=file_name,
        format_name=format_name,
        now=now,
        portfolio=portfolio,
        options=options,
        partial=partial,
        progress=progress,
    )
    if undone is not None:
        atomic(write_alerts)([undone], user_id=user.username, now=now)
    return report


@atomic_for_long
def import_or_undo(
    *,
    user: User,
    source: BinaryIO,
    file_name: str,
    format_name: str,
    now: datetime,
    portfolio: int | str | None = None,
    options: ImportOptions | None = None,
    partial: bool = False,
    progress: Progress | None = None,
) -> tuple[ImportReport, Alert | None]:
    """As `import_trades`; where nothing was imported, the alert that is to be written.

    For a caller whose own transaction is undone then.
    """
    if format_name not in FORMAT_NAMES:
        raise InvalidInput("format", no_choice(format_name, FORMAT_NAMES))
    locked = lock_portfolio(user=user, portfolio=portfolio)
    source.seek(0)  # an attempt before this one may have read it
    tracked = TrackedReader(source, progress)
    with connection.cursor() as cursor:
        job = _Job(user, locked, options or ImportOptions(), now, cursor)
        job.run(tracked, file_name, format_name)
        report = job.report()
        if (report.refused and not partial) or not job.is_complete or not job.changed:
            transaction.set_rollback(True)
            report = replace(report, import_id=None, created=0)
            return report, _refused(locked, file_name, tracked.sha256, report, now)
        job.finish(file_name, report)
        refused = _refused(locked, file_name, tracked.sha256, report, now)
        if refused is not None:
            write_alerts([refused], user_id=user.username, now=now)
        return report, None


@atomic_for_long
def preview_trades(
    *,
    user: User,
    source: BinaryIO,
    file_name: str,
    format_name: str,
    now: datetime,
    portfolio: int | str | None = None,
    options: ImportOptions,
) -> ImportPreview:
    """What `import_trades` would do with a file, row by row; nothing is written.

    Raises as that does. The portfolio is locked meanwhile.
    """
    if format_name not in FORMAT_NAMES:
        raise InvalidInput("format", no_choice(format_name, FORMAT_NAMES))
    locked = lock_portfolio(user=user, portfolio=portfolio)
    source.seek(0)
    with connection.cursor() as cursor:
        job = _Job(user, locked, options, now, cursor)
        job.run(TrackedReader(source, None), file_name, format_name)
        shown = job.preview()
    transaction.set_rollback(True)
    return shown


def _refused(
    portfolio: Portfolio,
    file_name: str,
    sha256: str,
    report: ImportReport,
    now: datetime,
) -> Alert | None:
    """One for a file's content, and one more where its other rows were imported."""
    if not report.refused or not portfolio.is_live:
        return None
    return import_refused(
        portfolio_id=portfolio.portfolio_id,
        portfolio=portfolio.name,
        file_name=file_name[-LONGEST_NAME:],
        file_id=f"{sha256}:{'in part' if report.import_id else 'whole'}",
        created=report.created,
        refused=report.refused,
        first=[
            f"line {one.line} {one.column}: {one.reason}" for one in report.refusals
        ],
        at=now,
    )


def _read(job: "_Job", source: io.BufferedReader, format_name: str) -> None:
    """Read the file; the error for another kind of file names what it looks like."""
    head = source.peek(HEAD_BYTES)[:HEAD_BYTES]
    refuse_unreadable(head, format_name)
    try:
        job.read(source, format_name)
    except InvalidInput as refused:
        hint = suggest_format(head, format_name) if refused.field == "file" else ""
        if not hint:
            raise
        raise InvalidInput("file", f"{refused.detail} {hint}") from refused


class _Job:
    """One import under way: the staged rows, and what has become of them so far."""

    def __init__(
        self,
        user: User,
        portfolio: Portfolio,
        options: ImportOptions,
        now: datetime,
        cursor: Any,
    ) -> None:
        mapping, known = options.mapping, _strategies_of(portfolio)
        venue = options.venue or (mapping.venue if mapping else None)
        self.portfolio = portfolio
        self.options = replace(options, known_strategies=known, venue=venue)
        self.now = now
        self.cursor = cursor
        self.staging = Staging(cursor)
        self.created = 0
        self.updated = 0
        self.exits: list[datetime] = []
        self.fills: FillImport | None = None
        self.row: TradeImport | None = None
        self.values: dict[str, Any] = {
            "user_id": user.username,
            "created_by": user.username,
            "portfolio_id": portfolio.portfolio_id,
            "currency": portfolio.currency,
            "is_live": portfolio.is_live,
            # Of rows that give none.
            "rates": json.dumps(
                {name: str(rate) for name, rate in options.rates.items()}
            ),
            "strategy_id": options.strategy_id,
            "fingerprint": IMPORTED,
            "now": now,
        }

    def run(self, tracked: TrackedReader, file_name: str, format_name: str) -> None:
        """Everything but what depends on the trades: see `finish`."""
        self.cursor.execute(sql.CREATE_STAGING)
        _read(self, tracked.buffered(), format_name)
        self.prepare()
        self.write(file_name, format_name, tracked.sha256)

    def read(self, source: io.BufferedReader, format_name: str) -> None:
        """Read the file into the staging table."""
        read = FORMATS[format_name].reader(self.options)
        if not isinstance(read, FillFormat):
            self.staging.copy(read(source, self.options))
            return
        self.fills = FillImport(
            portfolio=self.portfolio,
            fill_format=read,
            options=self.options,
            cursor=self.cursor,
            now=self.now,
        )
        self.staging.copy_in_turns(self.fills.rows(source))

    def prepare(self) -> None:
        """Name what has no id, measure every row, refuse what cannot be."""
        self._ask("SET LOCAL work_mem = '64MB'")
        if self.staging.unnamed:
            self._ask(sql.NAME_BY_CONTENT)
        if self.fills is None:
            equal_fills = self.options.equal_fills
            resolve_equal_trades(self.cursor, self.values, equal_fills)
        self._ask("ANALYZE staged_trades (line, external_id, ledger_key)")
        self._ask(sql.READY)
        self._ask(sql.REFUSE_OWN)
        if self.staging.own:
            self._ask(writes.REFUSE_OWN_CONFLICTS)
            self._ask(writes.DROP_OWN)

    def write(self, file_name: str, format_name: str, sha256: str) -> None:
        """Write what is new, and refuse what is known with other figures."""
        self.row = TradeImport.objects.create(
            user_id=self.values["user_id"],
            portfolio=self.portfolio,
            format=format_name,
            file_name=file_name[-LONGEST_NAME:],
            content_sha256=sha256,
            created_count=0,
            known_count=0,
            refused_count=0,
            created_at=self.now,
            created_by=self.values["created_by"],
        )
        self.values["import_id"] = self.row.import_id
        some_refused = self._ask("SELECT EXISTS (SELECT 1 FROM import_refusals)")[0][0]
        self._insert(writes.INSERT_GOOD if some_refused else writes.INSERT_ALL)
        if self.staging.parts:
            self._ask(writes.REFUSE_ORPHANS)
            self._insert(writes.INSERT_PARTS)
        if self.created + self.refused < self.staging.rows + self.staging.refused:
            self._ask(writes.REFUSE_CONFLICTS)
            self._apply_exits()
        if self.staging.open:
            self._ask(writes.OPEN_POSITIONS)
        if self.staging.orders:
            self._ask(writes.INSERT_ORDERS)

    def _insert(self, statement: str) -> None:
        created, first_exit = self._ask(statement)[0]
        self.created += created
        if first_exit is not None:
            self.exits.append(first_exit)

    def _apply_exits(self) -> None:
        if not self.staging.updates_open_trade:
            return
        self.portfolio.revalue({}, self.now)
        keep_day_start(self.portfolio)
        rows = self._ask(writes.UPDATE_OPEN_TRADES)
        self.updated = len(rows)
        self.exits += [exit_time for (exit_time,) in rows if exit_time is not None]
        self._ask(writes.UPDATE_POSITIONS)
        given = self._ask(writes.UNREALIZED)[0][0]
        # By which trade does not matter: what the day began with is stored.
        self.portfolio.revalue({0: given - self.portfolio.unrealized_pnl}, self.now)

    @property
    def refused(self) -> int:
        given = self._ask(
            "SELECT count(*) FROM staged_trades "
            "WHERE line IN (SELECT line FROM import_refusals)"
        )
        return self.staging.refused + int(given[0][0])

    @property
    def changed(self) -> bool:
        return self.created + self.updated > 0

    @property
    def is_complete(self) -> bool:
        """Fills hang together: none goes in if the trade of one was refused."""
        return self.fills is None or self.refused == self.fills.refused

    def report(self) -> ImportReport:
        shown = [*self.staging.refusals, *self._refusals()]
        refused = self.refused
        created = self.created
        known = self.staging.rows + self.staging.refused - refused - created
        if self.fills is not None:
            created, known = self.fills.created, self.fills.known
        return ImportReport(
            import_id=None if self.row is None else self.row.import_id,
            created=created,
            known=known,
            refused=refused,
            refusals=tuple(sorted(shown, key=_by_line)[:SHOWN_REFUSALS]),
            warnings=tuple(self.staging.notes),
        )

    def preview(self) -> ImportPreview:
        """What became of the rows so far."""
        rows = [PreviewRow(*row) for row in self._ask(PREVIEW)]
        rows += [
            PreviewRow(
                one.line,
                "refused",
                f"{one.column} {one.reason}".strip(),
                given=one.given,
            )
            for one in self.staging.refusals[:MOST_PREVIEWED]
        ]
        (profit,) = self._ask(PREVIEW_PROFIT)[0]
        return ImportPreview(
            report=replace(self.report(), import_id=None),
            rows=tuple(sorted(rows, key=lambda row: row.line)),
            profit=profit,
            equity=self.portfolio.equity,
            currency=self.portfolio.currency,
            is_complete=self.is_complete,
        )

    def _refusals(self) -> Sequence[Refusal]:
        rows = self._ask(
            "SELECT line, field, reason FROM import_refusals ORDER BY line LIMIT "
            f"{SHOWN_REFUSALS}"
        )
        return [Refusal(*row) for row in rows]

    def finish(self, file_name: str, report: ImportReport) -> None:
        """Store the counts; rebuild everything that depends on the new trades."""
        assert self.row is not None
        if self.fills is not None:
            self.fills.write_fills(self.row.import_id, self.row.created_by)
        self.row.created_count = report.created
        self.row.known_count = report.known
        self.row.refused_count = report.refused
        self.row.save(update_fields=["created_count", "known_count", "refused_count"])
        if self.staging.parts:  # perhaps of a trade that had ended before
            forget_records(self.portfolio)
        times = [*self.exits, *self._first_flow(), *self._first_entry()]
        if times:
            rebuild_ledger(
                self.portfolio,
                since=min(times),
                now=self.now,
                reason=f"Import {self.row.import_id} of {file_name}",
            )
        elif self.updated:
            save_live([self.portfolio], at=self.now, now=self.now)

    def _first_flow(self) -> list[datetime]:
        """The first cash flow whose carried profits follow from updated quantities."""
        if not self.updated:
            return []
        return [at for (at,) in self._ask(writes.FIRST_FLOW) if at is not None]

    def _first_entry(self) -> list[datetime]:
        """The first entry, where a goal counts trading days, or limits count trades."""
        if not self.created:
            return []
        of_limits: list[datetime] = []
        if self.portfolio.max_trades_per_day or self.portfolio.limits_changed_at:
            entered = [at for (at,) in self._ask(writes.FIRST_OF_ALL) if at is not None]
            of_limits = [at for at in entered if may_fill_day(self.portfolio, at)]
        of_goals = self._ask(writes.FIRST_ENTRY)
        return of_limits + [at for (at,) in of_goals if at is not None]

    def _ask(self, statement: str) -> list[tuple[Any, ...]]:
        self.cursor.execute(statement, self.values)
        return list(self.cursor.fetchall()) if self.cursor.description else []


def _strategies_of(portfolio: Portfolio) -> frozenset[str]:
    mine = StrategyInstance.objects.tradable_in(portfolio)
    return frozenset(mine.values_list("strategy_id", flat=True))


def _by_line(refusal: Refusal) -> int:
    return refusal.line


def catch_up_imported(
    user: User, portfolio: int | str | None, report: ImportReport, now: datetime
) -> None:
    """Bring the records along after an import that wrote anything."""
    if report.import_id is not None:
        catch_up(find_portfolio(user, portfolio).portfolio_id, now)
