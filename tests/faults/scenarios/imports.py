"""A big import that is killed, or its database: all of it is there or nothing."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg

from tests.faults import holds, processes
from tests.faults.holds import Place
from tests.faults.report import Report
from tests.faults.seed import OPENING_BALANCE
from tests.faults.stand import Stand, Trader

ROWS = 20_000
PROFIT_OF_A_ROW = Decimal("0.5")
HEADER = "external_id,symbol,side,quantity,entry_price,entry_time,exit_price,exit_time"
LONGEST_WAIT_SECONDS = 60.0
READING = r"""
SELECT count(*) FROM pg_stat_activity
WHERE state = 'active' AND query ~ '^\s*COPY ' AND pid <> pg_backend_pid()
"""
STATE = """
SELECT (SELECT count(*) FROM trades WHERE portfolio_id = p.portfolio_id),
       (SELECT count(*) FROM trade_imports WHERE portfolio_id = p.portfolio_id),
       (SELECT count(*) FROM ledger_days WHERE portfolio_id = p.portfolio_id) > 0,
       p.equity
FROM portfolios p WHERE p.portfolio_id = %s
"""

Watcher = psycopg.Connection[Any]
# Runs the block when the import has got there.
Moment = Callable[[Stand, Watcher], Any]


def kill_during_imports(stand: Stand, report: Report) -> None:
    trader = stand.seed("trader")
    path = write_trades(stand.directory / "trades.csv", "a")
    for words, moment in MOMENTS.items():
        with (
            _importing(stand, trader, path) as importer,
            stand.postgres.connect() as watcher,
        ):
            with moment(stand, watcher):
                stand.postgres.kill()
            stand.postgres.forget_holding_commits()
            stand.postgres.start()
            ended = importer.wait(LONGEST_WAIT_SECONDS)
        what = f"PostgreSQL killed, {words}"
        report.expect(ended != 0, f"{what}: the command ended well")
        committed = moment is _committed
        _look(stand, trader, report, what, imports=int(committed))
    # The last kill came after the commit: the same file now adds nothing.
    _import_again(stand, trader, report, path, created=0)
    _kill_importer(stand, trader, report)


def _kill_importer(stand: Stand, trader: Trader, report: Report) -> None:
    path = write_trades(stand.directory / "more-trades.csv", "b")
    for words, moment in MOMENTS.items():
        if moment is _committed:
            continue
        with (
            _importing(stand, trader, path) as importer,
            stand.postgres.connect() as watcher,
            moment(stand, watcher),
        ):
            processes.kill(importer.pid)
        what = f"import killed, {words}"
        _await_nobody(stand)
        _look(stand, trader, report, what, imports=1)
    _import_again(stand, trader, report, path, created=ROWS)
    _import_again(stand, trader, report, path, created=0)
    _look(stand, trader, report, "both files imported at last", imports=2)


def _import_again(
    stand: Stand, trader: Trader, report: Report, path: Path, *, created: int
) -> None:
    done = stand.run(*_command(trader, path))
    answer = f"{created} created, {ROWS - created} already known, 0 refused."
    report.expect(answer in done.stdout, f"{path.name} again: {done.stdout}")
    report.note(f"{path.name} again", done.stdout.strip())


def _look(
    stand: Stand, trader: Trader, report: Report, what: str, *, imports: int
) -> None:
    """That so many files are in, each whole."""
    [(trades, files, has_days, equity)] = stand.ask_database(
        STATE, trader.portfolios[0]
    )
    answer = imports * ROWS
    report.expect(trades == answer, f"{what}: {trades} trades, not {answer}")
    report.expect(files == imports, f"{what}: {files} imports, not {imports}")
    report.expect(has_days == (imports > 0), f"{what}: days: {has_days}")
    worth = OPENING_BALANCE + answer * PROFIT_OF_A_ROW
    report.expect(equity == worth, f"{what}: equity is {equity}, not {worth}")
    stand.reconcile(report, what)
    report.note(what, f"{trades} trades, {files} imports, equity {equity:f}")


# Where an import is


@contextmanager
def _reading(stand: Stand, watcher: Watcher) -> Iterator[None]:
    _await(lambda: watcher.execute(READING).fetchone() != (0,))
    yield


def _at(place: Place) -> Moment:
    @contextmanager
    def moment(stand: Stand, watcher: Watcher) -> Iterator[None]:
        with holds.held(watcher, place):
            holds.await_held(watcher, place)
            yield

    return moment


@contextmanager
def _committed(stand: Stand, watcher: Watcher) -> Iterator[None]:
    stand.postgres.hold_commits()
    holds.await_commit_held(watcher)
    yield


MOMENTS: dict[str, Moment] = {
    "while the file was read": _reading,
    "all trades written": _at(Place.TRADE_WRITTEN),
    "all booked and not committed": _at(Place.BOOKED),
    "its commit on disk and not heard of": _committed,
}


def _await(holds_true: Callable[[], bool]) -> None:
    end = time.monotonic() + LONGEST_WAIT_SECONDS
    while not holds_true():
        if time.monotonic() > end:
            raise RuntimeError("the import never got there")
        time.sleep(0.002)


def _await_nobody(stand: Stand) -> None:
    """Until PostgreSQL has noticed that the importer is gone."""
    statement = (
        "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
        "AND backend_type = 'client backend'"
    )
    _await(lambda: stand.ask_database(statement) == [(0,)])


@contextmanager
def _importing(
    stand: Stand, trader: Trader, path: Path
) -> Iterator["subprocess.Popen[bytes]"]:
    importer = stand.start(*_command(trader, path), log="import.log")
    try:
        yield importer
    except RuntimeError as failure:
        failure.add_note((stand.directory / "import.log").read_text()[-2000:])
        raise
    finally:
        importer.kill()
        importer.wait()


def _command(trader: Trader, path: Path) -> list[str]:
    return [
        *("manage.py", "import_trades", str(path), "--user", trader.username),
        *("--portfolio", str(trader.portfolios[0]), "--strategy", trader.strategy_id),
    ]


def write_trades(path: Path, prefix: str, rows: int = ROWS) -> Path:
    """Trades of sixty days, every one with the same profit."""
    begin = datetime.now(UTC) - timedelta(days=60)
    step = timedelta(days=59) / rows
    with path.open("w", encoding="utf-8") as file:
        print(HEADER, file=file)
        for number in range(rows):
            entry, end = begin + number * step, begin + (number + 1) * step
            print(
                f"{prefix}-{number},BTCUSDT,LONG,0.01,50000,{entry.isoformat()},50050,"
                f"{end.isoformat()}",
                file=file,
            )
    return path
