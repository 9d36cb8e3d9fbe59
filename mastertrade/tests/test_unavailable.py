"""The folder of the embedded database, deleted or moved under a running site."""

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from mastertrade.web import unavailable


@pytest.fixture
def folder(settings: Any, tmp_path: Path) -> Iterator[Path]:
    """Where the site believes its database to be."""
    folder = tmp_path / "var" / "postgres"
    folder.mkdir(parents=True)
    settings.DATABASE_FOLDER = folder
    yield folder
    unavailable._opened.cache_clear()
    unavailable._log_deleted.cache_clear()


@pytest.fixture
def site(folder: Path) -> Client:
    client = Client(raise_request_exception=False)
    assert client.get("/healthz").status_code == 200  # its middleware has begun
    return client


SAID = "var/postgres (the database) was deleted or moved while MasterTrade runs."


def delete(folder: Path) -> None:
    shutil.rmtree(folder.parent)


def replace(folder: Path) -> None:
    delete(folder)
    folder.mkdir(parents=True)


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
    said = [record for record in caplog.records if SAID in record.getMessage()]
    assert len(said) == 1
    assert str(folder) in said[0].getMessage()
    assert "/login/" not in caplog.text


@pytest.mark.django_db
def test_a_folder_that_is_brought_back_serves_again(site: Client, folder: Path) -> None:
    moved = folder.rename(folder.with_name("moved"))
    assert site.get("/login/").status_code == 503

    moved.rename(folder)

    assert site.get("/login/").status_code == 200


@pytest.mark.django_db
def test_another_server_has_no_folder(settings: Any) -> None:
    settings.DATABASE_FOLDER = None
    assert Client().get("/login/").status_code == 200
