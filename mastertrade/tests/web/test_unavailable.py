"""The folder of the embedded database, deleted or moved under a running site."""

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from mastertrade import postgres
from mastertrade.web import unavailable


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the site believes its database to be."""
    folder = tmp_path / "var" / "postgres"
    (folder / "data").mkdir(parents=True)
    embedded = postgres.Embedded(folder)
    monkeypatch.setitem(connections.settings["default"], "EMBEDDED", embedded)
    with embedded._open("users.lock") as users:
        monkeypatch.setitem(postgres._held, embedded, users)
        yield folder
    unavailable._log_removed.cache_clear()


@pytest.fixture
def site(folder: Path) -> Client:
    client = Client(raise_request_exception=False)
    assert client.get("/healthz").status_code == 200
    return client


SAID = "The database in var/postgres was deleted or moved while MasterTrade runs."


def delete(folder: Path) -> None:
    shutil.rmtree(folder.parent)


def replace(folder: Path) -> None:
    delete(folder)
    (folder / "data").mkdir(parents=True)
    (folder / "users.lock").touch()


@pytest.mark.parametrize("change", [delete, replace])
def test_every_answer_says_so_and_the_log_does_once(
    site: Client, folder: Path, change: Any, caplog: pytest.LogCaptureFixture
) -> None:
    change(folder)

    with caplog.at_level(logging.WARNING):
        page = site.get("/login/")
        answer = site.post("/api/goals/", {})
        ready = site.get("/readyz")

    assert (page.status_code, answer.status_code, ready.status_code) == (503, 503, 503)
    assert SAID in page.content.decode()
    assert SAID in answer.json()["detail"]
    assert answer.json()["code"] == "database_unavailable"
    assert ready.json()["database"] == "unreachable"
    said = [record.getMessage() for record in caplog.records]
    assert len([text for text in said if f"{folder} was deleted" in text]) == 1
    assert "/login/" not in caplog.text


@pytest.mark.django_db
def test_a_folder_that_is_brought_back_serves_again(site: Client, folder: Path) -> None:
    moved = folder.rename(folder.with_name("moved"))
    assert site.get("/login/").status_code == 503

    moved.rename(folder)

    assert site.get("/login/").status_code == 200


@pytest.mark.django_db
def test_another_server_has_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(connections.settings["default"], "EMBEDDED", raising=False)
    assert Client().get("/login/").status_code == 200
