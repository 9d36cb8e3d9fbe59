"""The site, and a place to stop after everything is done and before it is said."""

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mastertrade.wsgi import application as site
from tests.faults.server import HELD_PREFIX, HOLD_FILE

DIRECTORY = Path(os.environ["FAULTS_DIRECTORY"])
HOLD = DIRECTORY / HOLD_FILE


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    answer: Iterable[bytes] = site(environ, start_response)
    if HOLD.exists() and environ["REQUEST_METHOD"] == "POST":
        (DIRECTORY / f"{HELD_PREFIX}{os.getpid()}").touch()
        while True:  # until killed
            time.sleep(1)
    return answer
