"""The settings of the tests: the same, on a PostgreSQL of the tests' own."""

import os

os.environ["MASTERTRADE_TESTING"] = "1"

from mastertrade.settings import *  # noqa: F403
