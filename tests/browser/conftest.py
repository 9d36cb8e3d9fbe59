"""Chromium, and what it complains of."""

import os
import shutil
import time
from collections.abc import Iterator

import pytest
from django.db import connection
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright


def find_chromium() -> str:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        raise RuntimeError("There is no chromium: install the package of that name.")
    return program


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; a release of Playwright's own is not downloaded."""
    program = find_chromium()
    # Playwright's loop runs in this thread, and Django is asked from it all the same.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox"]
        )
        yield started
        started.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def complaints() -> list[str]:
    """What the browser wrote to its console as a warning or an error."""
    return []


@pytest.fixture
def page(browser: Browser, live_server, complaints: list[str]) -> Iterator[Page]:
    """A page of a fresh browser that knows the site's address."""
    context = browser.new_context(base_url=live_server.url)
    opened = context.new_page()

    def hear(message: ConsoleMessage) -> None:
        is_icon = message.location["url"].endswith("/favicon.ico")  # nobody named it
        if message.type in {"warning", "error"} and not is_icon:
            complaints.append(f"{opened.url}: {message.text}")

    opened.on("console", hear)
    opened.on("pageerror", lambda error: complaints.append(f"{opened.url}: {error}"))
    yield opened
    context.close()
    wait_for_the_last_answer()


BUSY = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'
"""


def wait_for_the_last_answer(seconds: float = 10) -> None:
    """A page that polls may have asked when it was closed: tables are emptied next."""
    until = time.monotonic() + seconds
    time.sleep(0.1)
    with connection.cursor() as cursor:
        while time.monotonic() < until:
            cursor.execute(BUSY)
            if cursor.fetchone() == (0,):
                return
            time.sleep(0.1)
