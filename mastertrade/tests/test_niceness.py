"""Sessions of PostgreSQL that are as nice as who they work for."""

import os
import socket
import subprocess
import sys
from contextlib import closing

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from mastertrade.backend.niceness import share_niceness
from mastertrade.database import show_url

pytestmark = pytest.mark.django_db
NICE = """
import os, sys
os.nice(int(sys.argv[1]))
import django; django.setup()
from django.db import connection
with connection.cursor():
    print(os.getpriority(os.PRIO_PROCESS, connection.connection.info.backend_pid))
"""


def url() -> str:
    return show_url(connection.settings_dict, secret=True)


def nice_of_session(more: int) -> int:
    """Of one that a process asked for which is so much nicer than this one."""
    done = subprocess.run(
        [sys.executable, "-c", NICE, str(more)],
        cwd=settings.BASE_DIR,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "mastertrade.settings_test",
            "TEST_DATABASE_URL": url(),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


def test_a_session_is_as_nice_as_its_process() -> None:
    if not str(connection.settings_dict["HOST"]).startswith("/"):
        pytest.skip("only where PostgreSQL listens at a Unix socket of this machine")
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert nice_of_session(3) == own + 3


def test_a_session_behind_a_network_stays_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its key may be that of another process here."""
    with closing(psycopg.connect(url())) as session:
        pid = session.info.backend_pid
        before = os.getpriority(os.PRIO_PROCESS, pid)
        monkeypatch.setattr(os, "getpriority", lambda *_: 7)
        here, there = socket.socketpair()
        with here, there:

            class OfAnotherListener:
                info = session.info

                @staticmethod
                def fileno() -> int:
                    return int(here.fileno())

            share_niceness(OfAnotherListener())
        monkeypatch.undo()
        assert os.getpriority(os.PRIO_PROCESS, pid) == before
