"""Import a file in this process, and say how long it took and how much memory."""

import json
import sys
from datetime import datetime
from pathlib import Path
from time import perf_counter

import django

from bench.processes import peak_of


def main() -> None:
    django.setup()
    from goals.models import User
    from trades.importing.import_trades import import_trades
    from trades.importing.options import ImportOptions

    user_name, portfolio, path, now, format_name, strategy = sys.argv[1:]
    user = User.objects.get(username=user_name)
    begin = perf_counter()
    with Path(path).open("rb") as source:
        report = import_trades(
            user=user,
            source=source,
            file_name=Path(path).name,
            format_name=format_name,
            now=datetime.fromisoformat(now),
            portfolio=int(portfolio),
            options=ImportOptions(strategy_id=strategy or None),
        )
    seconds = perf_counter() - begin
    figures = {"seconds": seconds, "peak": peak_of()}
    figures |= {"created": report.created, "known": report.known}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
