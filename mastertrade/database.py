"""Which PostgreSQL serves MasterTrade.

The application uses the server that DATABASE_URL names. Without it, it uses an embedded
one: a PostgreSQL that its processes start, share and stop, with the data under ``var/``
(see `postgres.embedded`). Tests use TEST_DATABASE_URL, or else an embedded server of
their own in a temporary directory; they read neither DATABASE_URL nor ``var/``.

    python -m mastertrade.database          shows the server
    python -m mastertrade.database --url    prints its URL with the password, for psql
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mastertrade.postgres import embedded
from mastertrade.postgres.binaries import DatabaseUnavailable

__all__ = ["DatabaseUnavailable", "database_settings"]

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
    """Django's ``DATABASES["default"]``; starts the embedded server if it is to serve.

    Raises DatabaseUnavailable when there is none, with a message for the user.
    """
    variable = "TEST_DATABASE_URL" if testing else "DATABASE_URL"
    url = os.environ.get(variable, "").strip()
    if url:
        settings = _from_url(url, variable)
    elif testing:
        settings = _from_server(embedded.serve_tests())
    else:
        settings = _from_server(embedded.serve(base_dir / "var"))
    return settings | {
        "ENGINE": OUR_ENGINE,
        "CONN_MAX_AGE": _conn_max_age(),
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": CONNECTING | settings.get("OPTIONS", {}),
    }


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


def _from_server(server: embedded.Server) -> dict[str, Any]:
    return {
        "ENGINE": ENGINE,
        "NAME": server.name,
        "USER": server.user,
        "PASSWORD": server.password,
        "HOST": server.host,
        "PORT": server.port,
    }


def _conn_max_age() -> int:
    text = os.environ.get("DATABASE_CONN_MAX_AGE", "").strip() or str(CONN_MAX_AGE)
    if not text.isdecimal():
        raise DatabaseUnavailable(
            f"DATABASE_CONN_MAX_AGE must be a number of seconds, not {text!r}."
        )
    return int(text)


def _url(settings: dict[str, Any], *, secret: bool) -> str:
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
    """Shows the server that would serve, without starting one."""
    parser = argparse.ArgumentParser(
        prog="python -m mastertrade.database",
        description="Show which PostgreSQL serves MasterTrade.",
    )
    parser.add_argument(
        "--url", action="store_true", help="only the URL, with the password, for psql"
    )
    only_url = parser.parse_args().url
    named = os.environ.get("DATABASE_URL", "").strip()
    if named:
        if only_url:
            _from_url(named, "DATABASE_URL")
            print(named)
        else:
            print("server   named by DATABASE_URL")
            print("url     ", _url(_from_url(named, "DATABASE_URL"), secret=False))
        return 0
    var = Path(__file__).resolve().parent.parent / "var"
    home, server = embedded.peek(var)
    if only_url and server is not None:
        print(_url(_from_server(server), secret=True))
        return 0
    if only_url:
        print(
            "The embedded PostgreSQL is not running: it runs while a process of "
            "MasterTrade does, such as `manage.py runserver` or `manage.py dbshell`.",
            file=sys.stderr,
        )
        return 1
    print("server  ", "embedded,", "running" if server else "not running")
    if server is not None:
        print("url     ", _url(_from_server(server), secret=False))
        print("version ", server.version)
    else:
        print("version ", embedded.version_to_start(home))
    print("data    ", home.data, "" if home.data.exists() else "(not created yet)")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except DatabaseUnavailable as error:
        sys.exit(str(error))
