"""The database as PostgreSQL's own programs are told of it."""

import os
from typing import Any

from django.db import connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import Conninfo

from mastertrade.backups import Target


def find_target() -> Target:
    """The application's database, without a pooler where one is between.

    Starts the embedded server where that one serves.
    """
    database: Any = connection
    database.ensure_connection()
    direct = os.environ.get("MASTERTRADE_WORKER_DATABASE_URL", "").strip()
    options = conninfo_to_dict(direct) if direct else database.get_connection_params()
    # Django's own are among them; a default of this libpq an older one may not know.
    libpq_s = {one.keyword.decode() for one in Conninfo.get_defaults()}
    given = {name: value for name, value in options.items() if name in libpq_s}
    password = given.pop("password", None)
    return Target(
        conninfo=make_conninfo("", **given),
        password=str(password or ""),
        major=database.pg_version // 10_000,
    )
