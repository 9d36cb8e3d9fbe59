"""The settings of the tests: the same, on a PostgreSQL of the tests' own."""

import os

os.environ["MASTERTRADE_TESTING"] = "1"

from mastertrade.settings import *  # noqa: F403

# Each client of a test has its own middleware, which would list all static files anew.
WHITENOISE_AUTOREFRESH = True
