"""freqtrade itself against a running MasterTrade, without a network.

    make freqtrade

Backtests a strategy with the sizing mixin over recorded prices and checks every stake
against the decision that was logged for it; lets freqtrade's own webhook tell the fills
of trades that freqtrade's own models keep, and checks the ledger against their
database. freqtrade is installed under var/ the first time; `FREQTRADE_VENV` names an
environment that has it.
"""

import os
import secrets
import sys
import tempfile
from pathlib import Path

from bench.scratch import scratch_database
from bench.web import serve
from tests.freqtrade.environment import prepare


def main() -> int:
    freqtrade = prepare()
    with scratch_database() as url, tempfile.TemporaryDirectory() as directory:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "mastertrade.settings",
            "DATABASE_URL": url,
            "MASTERTRADE_TESTING": "0",
            "MASTERTRADE_SECRET_KEY": secrets.token_urlsafe(50),
            "MASTERTRADE_USER_RATE": "100000/min",
            "MASTERTRADE_ANONYMOUS_RATE": "100000/min",
        }
        import django
        from django.core.management import call_command
        from django.db import connections

        django.setup()
        call_command("migrate", verbosity=0)
        from tests.freqtrade.proof import prove

        with serve("mastertrade.wsgi", {}) as server:
            prove(freqtrade, f"http://127.0.0.1:{server.port}", Path(directory))
        call_command("reconcile")
        connections.close_all()
    return 0


if __name__ == "__main__":
    sys.exit(main())
