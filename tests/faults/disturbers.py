"""`python -m tests.faults.disturbers DIRECTORY USERNAME PORTFOLIO`: all other writers.

Until the file `stop` is there, each of these goes round in a thread of its own: cash
flows, late trades and their voiding, parts and additions, marks, sizes, imports,
snapshots and roll-overs. Printed is how often, and by how much the equity must differ.
"""

import io
import json
import os
import random
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from threading import Thread
from typing import Any

from mastertrade.values.money import ZERO

GO, STOP = "go", "stop"
PAUSE_SECONDS = 0.02  # after a snapshot, which waits for nobody
KINDS = (
    "flow",
    "correct",
    "trade_in_parts",
    "mark",
    "size",
    "bring",
    "snapshot",
    "roll",
)
HEADER = "external_id,symbol,side,quantity,entry_price,entry_time,exit_price,exit_time"


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mastertrade.settings")
    import django

    django.setup()
    directory, username, portfolio_id = sys.argv[1:]
    print(json.dumps(Disturber(username, int(portfolio_id)).run(Path(directory))))


class Disturber:
    """Writers of every kind, and what they changed."""

    def __init__(self, username: str, portfolio_id: int) -> None:
        from goals.models import User

        self.user = User.objects.get(username=username)
        self.portfolio_id = portfolio_id
        self.of_portfolio = {"user": self.user, "portfolio": portfolio_id}
        self.failures: list[str] = []
        self.rounds: dict[str, int] = {}
        self.change: dict[str, Decimal] = {}
        self.chance = random.Random(username)

    def run(self, directory: Path) -> dict[str, Any]:
        from django.db import connection

        works = [getattr(self, name) for name in KINDS]

        def repeat(work: Callable[[int], Decimal]) -> None:
            name = work.__name__
            try:
                connection.ensure_connection()
                (directory / f"ready-{os.getpid()}-{name}").touch()
                while not (directory / GO).exists():
                    time.sleep(0.001)
                while not (directory / STOP).exists():
                    number = self.rounds.get(name, 0)
                    self.change[name] = self.change.get(name, ZERO) + work(number)
                    self.rounds[name] = number + 1
            except Exception as failure:
                self.failures.append(f"{name}: {failure!r}")
            finally:
                connection.close()

        threads = [Thread(target=repeat, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return {
            "rounds": self.rounds,
            "change": str(sum(self.change.values(), ZERO)),
            "failures": self.failures,
        }

    # Each is one round, and returns by how much it changed the equity.

    def flow(self, number: int) -> Decimal:
        """A deposit now, a withdrawal that comes late; every third is voided."""
        from goals.services.portfolios import record_cash_flow
        from goals.services.voids import void_cash_flow

        late = now() - timedelta(minutes=self.chance.randrange(1, 1500))
        recorded = [
            record_cash_flow(amount=Decimal(30), now=now(), **self.of_portfolio),
            record_cash_flow(
                amount=Decimal(-10), at=late, now=now(), **self.of_portfolio
            ),
        ]
        if number % 3:
            return Decimal(20)
        void_cash_flow(
            user=self.user,
            portfolio_id=self.portfolio_id,
            cash_flow_id=recorded[1][0].cash_flow_id,
            reason="recorded twice",
            now=now(),
        )
        return Decimal(30)

    def correct(self, number: int) -> Decimal:
        """A trade that comes late; every other is voided again."""
        from trades.booking.open import record_closed_trade
        from trades.booking.void import void_trade

        closed, _ = record_closed_trade(
            exit_price=Decimal(110),
            exit_time=now() - timedelta(minutes=self.chance.randrange(1, 1500)),
            now=now(),
            **self._trade_input(entry_time=now() - timedelta(days=2)),
        )
        if number % 2:
            return Decimal(10)
        void_trade(
            user=self.user,
            trade_id=closed.trade.trade_id,
            reason="recorded twice",
            now=now(),
        )
        return ZERO

    def trade_in_parts(self, number: int) -> Decimal:
        from trades.booking.add import add_to_trade
        from trades.booking.close import close_trade
        from trades.booking.open import open_trade

        trade, _ = open_trade(now=now(), **self._trade_input())
        of_trade = {"user": self.user, "trade_id": trade.trade_id}
        add_to_trade(
            quantity=Decimal(1), entry_price=Decimal(100), now=now(), **of_trade
        )
        for _ in range(2):
            close_trade(
                exit_price=Decimal(103), quantity=Decimal("0.5"), now=now(), **of_trade
            )
        close_trade(exit_price=Decimal(99), now=now(), **of_trade)
        return Decimal(2)

    def mark(self, number: int) -> Decimal:
        from trades.booking.mark import Mark, mark_positions

        marks = [
            Mark("ETHUSDT", Decimal(self.chance.randrange(49_000, 51_000))),
            Mark("BTCUSDT", Decimal(self.chance.randrange(49_000, 51_000))),
        ]
        mark_positions(user=self.user, marks=marks, now=now())
        return ZERO

    def size(self, number: int) -> Decimal:
        from trades.sizing_calls.decide import size_for_portfolio

        size_for_portfolio(base_size=Decimal(100), now=now(), **self.of_portfolio)
        return ZERO

    def bring(self, number: int) -> Decimal:
        """Three trades from a file, of which one is known from the second round on."""
        from trades.importing.import_trades import import_trades
        from trades.importing.options import ImportOptions

        at = (now() - timedelta(minutes=self.chance.randrange(1, 1500))).isoformat()
        ids = ("known", f"{number}-one", f"{number}-two")
        rows = [f"{one},BTCUSDT,LONG,1,100,{EARLY},105,{at}" for one in ids[1:]]
        rows.append(f"{ids[0]},BTCUSDT,LONG,1,100,{EARLY},105,{EARLY}")
        report = import_trades(
            source=io.BytesIO("\n".join([HEADER, *rows]).encode()),
            file_name="some.csv",
            format_name="mastertrade-csv",
            options=ImportOptions(strategy_id=STRATEGY),
            now=now(),
            **self.of_portfolio,
        )
        assert report.refused == 0, report.refusals
        return Decimal(5 * report.created)

    def snapshot(self, number: int) -> Decimal:
        from goals.services.snapshots import snapshot_goals

        snapshot_goals(as_of=now())
        time.sleep(PAUSE_SECONDS)
        return ZERO

    def roll(self, number: int) -> Decimal:
        """To the next period, again and again."""
        from goals.services.rollover import roll_goals

        roll_goals(as_of=now() + timedelta(days=min(30 * number, 3000)))
        return ZERO

    def _trade_input(self, **fields: Any) -> dict[str, Any]:
        return {
            **self.of_portfolio,
            "strategy_id": STRATEGY,
            "symbol": "SOLUSDT",
            "side": "LONG",
            "quantity": Decimal(1),
            "entry_price": Decimal(100),
            **fields,
        }


STRATEGY = "momentum_001"
EARLY = "2026-01-02T00:00:00Z"


def now() -> Any:
    from django.utils import timezone

    return timezone.now()


if __name__ == "__main__":
    main()
