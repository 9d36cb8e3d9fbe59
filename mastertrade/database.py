"""Which PostgreSQL serves MasterTrade.

The application uses the server that DATABASE_URL names. Without it, it uses an embedded
one: a PostgreSQL that its processes start, share and stop, with the data in
``var/postgres`` (see `postgres`). Tests use TEST_DATABASE_URL, or else an embedded
server of their own in ``var/postgres-test``, and not DATABASE_URL.

    python -m mastertrade.database          shows the server
    python -m mastertrade.database --url    prints its URL with the password, for psql
    python -m mastertrade.database --stop   stops the embedded servers nobody uses
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mastertrade.postgres import DATABASE, DatabaseUnavailable, Embedded

__all__ = ["DatabaseUnavailable", "database_settings", "worker_settings"]

ENGINE = "django.db.backends.postgresql"
#: The same, with time limits.
OUR_ENGINE = "mastertrade.backend"
#: Seconds to wait for a connection, and how soon one is given up that went dead.
CONNECTING = {
    "connect_timeout": 5,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
#: How long a connection is kept for the next request, in seconds.
CONN_MAX_AGE = 600


def database_settings(*, base_dir: Path, testing: bool) -> dict[str, Any]:
    """Django's ``DATABASES["default"]``.

    It starts nothing: where the embedded server is to serve, the first connection joins
    or starts it (see `backend`). Raises DatabaseUnavailable for a wrong variable.
    """
    variable = "TEST_DATABASE_URL" if testing else "DATABASE_URL"
    url = os.environ.get(variable, "").strip()
    if url:
        settings = _from_url(url, variable)
    else:
        name = "postgres-test" if testing else "postgres"
        embedded = Embedded(base_dir / "var" / name, for_tests=testing)
        settings = {"NAME": DATABASE, "EMBEDDED": embedded}
    return settings | {
        "ENGINE": OUR_ENGINE,
        "CONN_MAX_AGE": _conn_max_age(),
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": CONNECTING | settings.get("OPTIONS", {}),
    }


def worker_settings() -> dict[str, Any]:
    """What the worker has instead: a way past a pooler, where it may listen.

    Empty unless MASTERTRADE_WORKER_DATABASE_URL is given.
    """
    variable = "MASTERTRADE_WORKER_DATABASE_URL"
    url = os.environ.get(variable, "").strip()
    if not url:
        return {}
    settings = _from_url(url, variable)
    options = CONNECTING | settings.get("OPTIONS", {})
    return settings | {"ENGINE": OUR_ENGINE, "OPTIONS": options, "EMBEDDED": None}


def _from_url(url: str, variable: str) -> dict[str, Any]:
    import dj_database_url

    wanted = f"{variable} must name a PostgreSQL, as postgresql://user:password@host/db"
    try:
        settings = dict(dj_database_url.parse(url))
    except ValueError:  # from None: its text may repeat the password
        raise DatabaseUnavailable(f"{wanted}; it is not a database's URL.") from None
    if settings.get("ENGINE") != ENGINE:
        scheme = url.partition(":")[0]
        raise DatabaseUnavailable(f"{wanted}; it begins with {scheme!r}.")
    return settings


def _conn_max_age() -> int:
    text = os.environ.get("DATABASE_CONN_MAX_AGE", "").strip() or str(CONN_MAX_AGE)
    if not text.isdecimal():
        raise DatabaseUnavailable(
            f"DATABASE_CONN_MAX_AGE must be a number of seconds, not {text!r}."
        )
    return int(text)


def show_url(settings: dict[str, Any], *, secret: bool) -> str:
    """A URL that psql understands, with or without the password."""
    user = quote(settings.get("USER") or "", safe="")
    if settings.get("PASSWORD"):
        user += ":" + (quote(settings["PASSWORD"], safe="") if secret else "***")
    host, port = settings.get("HOST") or "", settings.get("PORT") or ""
    name = quote(settings.get("NAME") or "", safe="")
    at = f"{user}@" if user else ""
    if host.startswith("/"):
        query = f"?host={quote(host)}" + (f"&port={port}" if port else "")
        return f"postgresql://{at}/{name}{query}"
    return f"postgresql://{at}{host}{f':{port}' if port else ''}/{name}"


def main() -> int:
    """Shows the server that would serve, without starting one; or stops them."""
    parser = argparse.ArgumentParser(
        prog="python -m mastertrade.database",
        description="Show which PostgreSQL serves MasterTrade.",
    )
    only = parser.add_mutually_exclusive_group()
    only.add_argument(
        "--url", action="store_true", help="only the URL, with the password, for psql"
    )
    only.add_argument(
        "--stop", action="store_true", help="stop the embedded servers nobody uses"
    )
    options = parser.parse_args()
    var = Path(__file__).resolve().parent.parent / "var"
    if options.stop:
        return _stop(var)
    named = os.environ.get("DATABASE_URL", "").strip()
    if named:
        settings = _from_url(named, "DATABASE_URL")
        if not options.url:
            print("server   named by DATABASE_URL")
            named = f"url      {show_url(settings, secret=False)}"
        print(named)
        return 0
    embedded = Embedded(var / "postgres")
    server = embedded.find()
    settings = server.settings | {"NAME": DATABASE} if server else {}
    if options.url and server is None:
        print(
            "The embedded PostgreSQL is not running: it runs while a process uses it, "
            "such as `manage.py runserver` or `manage.py dbshell`.",
            file=sys.stderr,
        )
        return 1
    if options.url:
        print(show_url(settings, secret=True))
        return 0
    print("server  ", "embedded,", "running" if server else "not running")
    if server is not None:
        print("url     ", show_url(settings, secret=False))
    print("version ", embedded.find_programs().version)
    exists = embedded.data.exists()
    print("data    ", embedded.data, "" if exists else "(not created yet)")
    return 0


def _stop(var: Path) -> int:
    """Stops both embedded servers; 1 when a process still uses one."""
    in_use = False
    for words, embedded in (
        ("The embedded PostgreSQL", Embedded(var / "postgres")),
        ("The tests' PostgreSQL", Embedded(var / "postgres-test", for_tests=True)),
    ):
        runs = embedded.find() is not None
        if not embedded.stop():
            in_use = True
            print(
                f"{words} is in use and was not stopped. End the processes that use "
                "it (a web server, a command, a test run), then stop it again.",
                file=sys.stderr,
            )
        elif runs:
            print(f"{words} is stopped.")
    return int(in_use)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except DatabaseUnavailable as error:
        sys.exit(str(error))
