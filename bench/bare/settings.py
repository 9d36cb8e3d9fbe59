"""The same database and connection handling, and no layer around the view."""

from mastertrade.settings import *  # noqa: F403

ROOT_URLCONF = "bench.bare.urls"
MIDDLEWARE = []
