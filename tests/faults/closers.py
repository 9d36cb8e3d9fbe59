"""`python -m tests.faults.closers DIRECTORY USERNAME TRADES`: closes trades at once.

TRADES is JSON: a list of keys for each thread. All processes wait for the file `go` in
the directory; what became of the trades is printed.
"""

import json
import os
import sys
import time
from decimal import Decimal
from pathlib import Path
from threading import Thread
from typing import Any

GO = "go"
EXIT_PRICE = Decimal(50_100)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mastertrade.settings")
    import django

    django.setup()
    directory, username, plans = sys.argv[1:]
    print(json.dumps(close_all(Path(directory), username, json.loads(plans))))


def close_all(
    directory: Path, username: str, plans: list[list[int]]
) -> dict[str, list[Any]]:
    """How many closes booked, how many found the trade closed; failures raise."""
    from django.db import connection
    from django.utils import timezone

    from goals.models import User
    from trades.booking.close import close_trade

    user = User.objects.get(username=username)
    booked, known, failures = [], [], []

    def close(trades: list[int]) -> None:
        connection.ensure_connection()
        (directory / f"ready-{os.getpid()}-{id(trades)}").touch()
        while not (directory / GO).exists():
            time.sleep(0.001)
        try:
            for trade_id in trades:
                closed = close_trade(
                    user=user,
                    trade_id=trade_id,
                    exit_price=EXIT_PRICE,
                    now=timezone.now(),
                )
                (booked if closed.moves else known).append(trade_id)
        except Exception as failure:
            failures.append(repr(failure))
        finally:
            connection.close()

    threads = [Thread(target=close, args=(trades,)) for trades in plans]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"booked": booked, "known": known, "failures": failures}


if __name__ == "__main__":
    main()
