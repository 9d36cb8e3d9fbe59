"""`make schema`: requests made from the API's description, and what they find.

Bounded: `--seconds`, and examples an operation. 1 if the description and the site
disagree.
"""

import argparse
import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path

from tests.attack.site import gunicorn
from tests.faults.stand import ROOT, stand

HERE = Path(__file__).parent
PASSWORD = secrets.token_hex(8)
SET_PASSWORD = f"""
from goals.models import User
trader = User.objects.get(username="trader")
trader.set_password("{PASSWORD}")
trader.save()
"""
RATES = [f"MASTERTRADE_{who}_RATE" for who in ("USER", "ANONYMOUS", "FAILED")]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.described")
    parser.add_argument("--examples", type=int, default=150, help="an operation")
    parser.add_argument("--seconds", type=int, default=900, help="at most")
    parser.add_argument("more", nargs="*", help="for schemathesis, after --")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with stand() as place:
        trader = place.seed("trader", trades=3)
        place.manage("shell", "-c", SET_PASSWORD)
        environment = {
            **place.environment,
            "MASTERTRADE_LOG_LEVEL": "ERROR",
            # 429 in place of the answers would prove little.
            **dict.fromkeys(RATES, "1000000/min"),
        }
        log = place.directory / "site.log"
        with gunicorn(environment, log) as (base, _):
            done = subprocess.run(
                [
                    *(str(Path(sys.executable).with_name("st")), "--config-file"),
                    *(str(HERE / "schemathesis.toml"), "run", f"{base}/api/schema/"),
                    *("--header", f"Authorization: Token {trader.token}"),
                    # Every check is on by default; `--checks all` would win over the
                    # file's exceptions.
                    *("--continue-on-failure", "--max-examples", str(options.examples)),
                    *("--max-time", str(options.seconds)),
                    *("--request-timeout", "20", "--no-color"),
                    *options.more,
                ],
                cwd=ROOT,
                env={
                    **os.environ,
                    "SCHEMATHESIS_HOOKS": "tests.described.hooks",
                    "PYTHONPATH": str(ROOT),
                    "DESCRIBED_TOKEN": trader.token,
                    "DESCRIBED_USER": trader.username,
                    "DESCRIBED_PASSWORD": PASSWORD,
                },
                timeout=options.seconds + 300,
                check=False,
            )
        print(log.read_text()[-4000:])
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
