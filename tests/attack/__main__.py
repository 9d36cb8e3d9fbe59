"""`make attack`: what one client can do to others; 1 if it stopped them.

On a site of its own, or with `--url` on one that runs on this machine.
"""

import argparse
import signal
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from urllib.parse import urlsplit

from tests.attack import logins, requests, sockets, uploads
from tests.attack.site import served

SCENARIOS: dict[str, Callable[[str], dict[str, str]]] = {
    **sockets.SCENARIOS,
    **logins.SCENARIOS,
    **requests.SCENARIOS,
    **uploads.SCENARIOS,
}

# These have a site of their own, so `--url` says nothing to them.
OWN_SITE = {*requests.SCENARIOS, *uploads.SCENARIOS, *logins.ON_ITS_OWN}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.attack", description=__doc__)
    parser.add_argument("only", nargs="*", help="scenarios whose name contains this")
    parser.add_argument("--url", help="a site on this machine")
    options = parser.parse_args()
    if options.url and urlsplit(options.url).hostname not in {"127.0.0.1", "::1"}:
        parser.error("--url must be on 127.0.0.1 or [::1].")
    chosen = {
        title: scenario
        for title, scenario in SCENARIOS.items()
        if not options.only or any(word in title for word in options.only)
    }
    failed = False
    # Ended from outside, the sites of the scenarios end too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    shared = [title for title in chosen if title not in OWN_SITE]
    with served() if shared and not options.url else nullcontext(options.url) as base:
        for title, scenario in chosen.items():
            began = time.monotonic()
            try:
                figures = ", ".join(f"{k} {v}" for k, v in scenario(base).items())
                verdict = "held"
            except AssertionError as failure:
                figures, verdict, failed = str(failure), "BROKEN", True
            print(f"{verdict}  {title}: {figures} ({time.monotonic() - began:.0f} s)")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
