"""The tests' databases: copies of one that the migrations made.

The first run migrates an empty database, the template, and leaves it to the runs after
it; every test process works in a copy of its own, which takes a fraction of a second.
The template is made anew when the migrations differ, and with `--create-db`.
"""

import hashlib
import importlib.util
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import django
from django.apps import apps
from django.core.management import call_command
from django.db import connection

OUR_IMPORTS = re.compile(
    r"^(?:from|import) ((?:mastertrade|goals|strategies|trades)[\w.]*)", re.MULTILINE
)


@contextmanager
def own_database(*, create: bool) -> Iterator[None]:
    """Connect to a copy that no other process works in, until the block ends.

    `create` migrates an empty database first, once a test run.
    """
    usual = connection.settings_dict["NAME"]
    template = f"test_{usual}_template"
    # Open throughout, for it holds the locks: 0 is the template's, n the n-th copy's.
    with connection._nodb_cursor() as server:
        server.execute("SELECT pg_advisory_lock(hashtext(%s), 0)", [template])
        _ensure_template(server, template, create)
        number = next(n for n in count(1) if _try_lock(server, template, n))
        name = f"test_{usual}_{number}"
        _drop(server, name)  # of a run that was killed
        server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        server.execute("SELECT pg_advisory_unlock(hashtext(%s), 0)", [template])
        _connect_to(name)
        try:
            yield
        finally:
            _connect_to(usual)
            _drop(server, name)


def _ensure_template(server: Any, name: str, create: bool) -> None:
    server.execute(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database"
        " WHERE datname = %s",
        [name],
    )
    made_of = str((server.fetchone() or [""])[0]).split()
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", secrets.token_hex(8))
    wanted = [fingerprint(), run]
    if made_of != wanted if create else made_of[:1] != wanted[:1]:
        _drop(server, name)
        server.execute(f'CREATE DATABASE "{name}"')
        _connect_to(name)
        call_command("migrate", verbosity=0, interactive=False, run_syncdb=True)
        connection.close()
        server.execute(f"COMMENT ON DATABASE \"{name}\" IS '{' '.join(wanted)}'")


def fingerprint() -> str:
    """Changes with the migrations, what they import of ours, and Django."""
    files = {
        path
        for app in apps.get_app_configs()
        for path in Path(app.path).glob("migrations/*.py")
    }
    texts = {path: path.read_text(encoding="utf-8") for path in files}
    for module in {m for text in texts.values() for m in OUR_IMPORTS.findall(text)}:
        found = importlib.util.find_spec(module)
        assert found is not None
        assert found.origin is not None
        texts[Path(found.origin)] = Path(found.origin).read_text(encoding="utf-8")
    digest = hashlib.sha256(django.__version__.encode())
    for path in sorted(texts):
        digest.update(f"{path.name}\n{texts[path]}".encode())
    return digest.hexdigest()[:16]


def _try_lock(server: Any, template: str, number: int) -> bool:
    server.execute("SELECT pg_try_advisory_lock(hashtext(%s), %s)", [template, number])
    return bool(server.fetchone()[0])


def _drop(server: Any, name: str) -> None:
    server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _connect_to(name: str) -> None:
    connection.close()
    connection.settings_dict["NAME"] = name
