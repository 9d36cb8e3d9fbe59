"""Four processes with sixteen threads close one portfolio's trades; others disturb.

Every trade is closed by two threads of different processes. Beside them one process
does everything else that books into the same portfolio.
"""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.faults import closers, disturbers
from tests.faults.report import Report
from tests.faults.seed import OPENING_BALANCE
from tests.faults.stand import ROOT, Stand

PROCESSES, THREADS = 4, 16
TRADES = 384
# 0.02 bought at 50,000 each.
PROFIT = (closers.EXIT_PRICE - 50_000) * Decimal("0.02")
LONGEST_SECONDS = 240.0
CLOSED_TWICE = """
SELECT count(*) FROM trades
WHERE portfolio_id = %s AND trade_id = ANY(%s) AND status = 'closed'
  AND profit_loss = %s
"""
EQUITY = "SELECT equity FROM portfolios WHERE portfolio_id = %s"
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


def close_from_many_processes(stand: Stand, report: Report) -> None:
    trader = stand.seed("trader", trades=TRADES)
    portfolio_id = trader.portfolios[0]
    arguments = (str(stand.directory), trader.username)
    others = _start(stand, "disturbers", *arguments, str(portfolio_id))
    mine = [
        _start(stand, "closers", *arguments, json.dumps(plan))
        for plan in _plans(trader.trades)
    ]
    began = _let_go(stand.directory, [others, *mine])
    answers = [_read(process) for process in mine]
    took = time.monotonic() - began
    (stand.directory / disturbers.STOP).touch()
    disturbed = _read(others)
    booked = [trade_id for answer in answers for trade_id in answer["booked"]]
    known = [trade_id for answer in answers for trade_id in answer["known"]]
    failures = [words for answer in answers for words in answer["failures"]]
    report.expect_none(failures, "closes failed")
    report.expect_none(disturbed["failures"], "others failed")
    report.expect(sorted(booked) == sorted(trader.trades), "not each was booked once")
    report.expect(sorted(known) == sorted(trader.trades), "not each was known once")
    [(closed,)] = stand.ask_database(CLOSED_TWICE, portfolio_id, trader.trades, PROFIT)
    report.expect(closed == TRADES, f"{closed} of {TRADES} trades closed")
    given = OPENING_BALANCE + TRADES * PROFIT + Decimal(disturbed["change"])
    [(equity,)] = stand.ask_database(EQUITY, portfolio_id)
    report.expect(equity == given, f"equity is {equity}, not {given}")
    stand.reconcile(report, "after everything at once")
    _expect_no_deadlock(stand, report)
    report.note("closes asked for", f"{len(booked) + len(known)} in {took:.1f} s")
    report.note("trades booked", len(booked))
    rounds = ", ".join(f"{name} {n}" for name, n in disturbed["rounds"].items())
    report.note("rounds of others meanwhile", rounds)


def _expect_no_deadlock(stand: Stand, report: Report) -> None:
    [(deadlocks,)] = stand.ask_database(DEADLOCKS)
    logged = stand.postgres.log_count("deadlock detected")
    report.expect(deadlocks == logged == 0, f"{deadlocks} deadlocks, {logged} logged")
    report.note("deadlocks", deadlocks)


def _plans(trades: Sequence[int]) -> list[list[list[int]]]:
    """For each process its threads' trades; each trade is in two processes."""
    plans: list[list[list[int]]] = [
        [[] for _ in range(THREADS)] for _ in range(PROCESSES)
    ]
    for number, trade_id in enumerate(trades):
        thread = number // PROCESSES % THREADS
        plans[number % PROCESSES][thread].append(trade_id)
        plans[(number + 1) % PROCESSES][-1 - thread].append(trade_id)
    return plans


def _start(stand: Stand, module: str, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", f"tests.faults.{module}", *arguments],
        cwd=ROOT,
        env=stand.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def _let_go(directory: Path, started: "Sequence[subprocess.Popen[str]]") -> float:
    """When every thread of all is ready; returns when that was."""
    everybody = PROCESSES * THREADS + len(disturbers.KINDS)
    end = time.monotonic() + LONGEST_SECONDS
    while len(list(directory.glob("ready-*"))) < everybody:
        if time.monotonic() > end or any(p.poll() is not None for p in started):
            raise RuntimeError("some process did not start")
        time.sleep(0.02)
    (directory / closers.GO).touch()
    return time.monotonic()


def _read(process: "subprocess.Popen[str]") -> dict[str, Any]:
    said, _ = process.communicate(timeout=LONGEST_SECONDS)
    if process.returncode != 0:
        raise RuntimeError(f"a process failed:\n{said}")
    given: dict[str, Any] = json.loads(said.splitlines()[-1])
    return given
