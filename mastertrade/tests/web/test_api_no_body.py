"""Calls that take no body refuse fields: nobody is to believe that they counted."""

import csv
import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from goals.tests.channel_factories import make_alert, make_channel
from tests.http import (
    Trader,
    make_trader,
    nothing_changes,
    operations,
    unthrottled,  # noqa: F401
)
from trades.enums import JobKind
from trades.services.jobs import create_job

CALLS = {
    "/api/alerts/{alert_id}/acknowledge/",
    "/api/alerts/{alert_id}/read/",
    "/api/channels/{channel_id}/retry/",
    "/api/channels/{channel_id}/test/",
    "/api/jobs/{job_id}/cancel/",
    "/api/trades/imports/{import_id}/undo/",
}
TRADE = {
    "external_id": "a",
    "symbol": "BTCUSDT",
    "side": "LONG",
    "quantity": "0.02",
    "entry_price": "50000",
    "entry_time": "2026-03-02T09:00:00Z",
    "exit_price": "51000",
    "exit_time": "2026-03-02T10:00:00Z",
}


def test_these_are_all_calls_without_a_body() -> None:
    found = {
        name.removeprefix("POST ")
        for name, one in operations().items()
        if name.startswith("POST ") and "requestBody" not in one.description
    }
    assert found == CALLS


@pytest.fixture
def trader(db: None) -> Trader:
    return make_trader()


def import_one(trader: Trader) -> int:
    text = io.StringIO()
    rows = csv.DictWriter(text, TRADE)
    rows.writeheader()
    rows.writerow(TRADE)
    body = {
        "format": "mastertrade-csv",
        "portfolio": "crypto",
        "strategy_id": "momentum_001",
        "file": SimpleUploadedFile("trades.csv", text.getvalue().encode()),
    }
    answer = trader.client.post("/api/trades/import/", body, format="multipart")
    key: int = answer.json()["import_id"]
    return key


@pytest.mark.parametrize("call", sorted(CALLS))
def test_a_field_is_refused_by_name_and_nothing_is_done(
    trader: Trader, call: str
) -> None:
    user, now = trader.user, timezone.now()
    if "alert" in call:
        path = call.format(alert_id=make_alert(user).pk)
    elif "channel" in call:
        path = call.format(channel_id=make_channel(user).pk)
    elif "job" in call:
        job = create_job(user=user, kind=JobKind.COMPARISON, arguments={}, now=now)
        path = call.format(job_id=job.pk)
    else:
        path = call.format(import_id=import_one(trader))
    with nothing_changes():
        assert list(trader.post(path, {"if_new": True}, 400)) == ["if_new"]
    unknown = path.replace(path.split("/")[-3], "999999")
    words = trader.post(unknown, {"if_new": True}, 404)["detail"]
    assert words == trader.post(unknown, None, 404)["detail"]
    assert trader.client.post(path).status_code == 200
