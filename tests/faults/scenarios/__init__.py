"""Every scenario: a function from a stand and a report."""

from collections.abc import Callable

from tests.faults.report import Report
from tests.faults.scenarios.closers import close_from_many_processes
from tests.faults.scenarios.imports import kill_during_imports
from tests.faults.scenarios.patient import let_clients_try_again
from tests.faults.scenarios.requests import kill_postgres, kill_web_server
from tests.faults.stand import Stand

Scenario = Callable[[Stand, Report], None]

SCENARIOS: dict[str, Scenario] = {
    "web server killed in the middle of 500 requests": kill_web_server,
    "PostgreSQL killed in the middle of 500 requests": kill_postgres,
    "both killed, clients try again by themselves": let_clients_try_again,
    "PostgreSQL and the command killed in the middle of imports": kill_during_imports,
    "64 threads of 4 processes close, others book": close_from_many_processes,
}
