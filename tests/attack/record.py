"""`python -m tests.attack.record USERNAME PORTFOLIO TRADES`: a long record."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mastertrade.settings")
    import django

    django.setup()
    from django.db import connection, transaction
    from django.utils import timezone

    from bench.requests import PER_DAY, ledger
    from tests.faults.seed import STRATEGY
    from trades.booking.reconcile import mend_drift

    username, portfolio_id, trades = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    now = timezone.now()
    values = {
        "user_id": username,
        "portfolio_id": portfolio_id,
        "strategy_id": STRATEGY,
        "trades": trades,
        "per_day": PER_DAY,
        "until": now,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(ledger(), values)
    mend_drift(portfolio_id, now)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE trades, ledger_days")


if __name__ == "__main__":
    main()
