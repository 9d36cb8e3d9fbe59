"""Every scenario: a function from a stand and a report."""

import os
import shutil
from collections.abc import Callable

from tests.faults.report import Report
from tests.faults.scenarios.closers import close_from_many_processes
from tests.faults.scenarios.imports import kill_during_imports
from tests.faults.scenarios.operating import (
    fill_the_disk,
    live_without_database,
    restart_in_turn,
)
from tests.faults.scenarios.patient import let_clients_try_again
from tests.faults.scenarios.requests import kill_postgres, kill_web_server
from tests.faults.stand import Stand

Scenario = Callable[[Stand, Report], None]

SCENARIOS: dict[str, Scenario] = {
    "web server killed in the middle of 500 requests": kill_web_server,
    "PostgreSQL killed in the middle of 500 requests": kill_postgres,
    "both killed, clients try again by themselves": let_clients_try_again,
    "PostgreSQL and the command killed in the middle of imports": kill_during_imports,
    "no PostgreSQL for a minute": live_without_database,
    "64 threads of 4 processes close, others book": close_from_many_processes,
}
# What this machine cannot do, in words.
LEFT_OUT: list[str] = []
if shutil.which("pgbouncer"):
    SCENARIOS["two web servers, two workers, PgBouncer: restarted in turn"] = (
        restart_in_turn
    )
else:
    LEFT_OUT.append("web servers and workers behind PgBouncer; install pgbouncer.")
if os.geteuid() == 0:
    SCENARIOS["the disk of PostgreSQL is full"] = fill_the_disk
else:
    LEFT_OUT.append("a full disk; only root mounts a small one.")
