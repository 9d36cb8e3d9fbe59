"""Notes, tags and ratings: said of a trade, and in no figure of the ledger."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework.test import APIClient

from goals.models import LedgerChange, Portfolio
from goals.tests.factories import UserFactory
from trades.models import Trade, TradeNote
from trades.tests.factories import TradeFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def trade() -> Trade:
    return TradeFactory()


@pytest.fixture
def api(trade: Trade) -> APIClient:
    client = APIClient()
    client.force_authenticate(trade.user)
    return client


def path_of(trade: Trade) -> str:
    return f"/api/trades/{trade.pk}/note/"


def test_nothing_said_is_an_empty_note(api: APIClient, trade: Trade) -> None:
    answer = api.get(path_of(trade))

    assert answer.json() == {
        "trade_id": trade.pk,
        "note": "",
        "tags": [],
        "rating": None,
    }


def test_what_is_not_sent_stays(api: APIClient, trade: Trade) -> None:
    said = {"note": " late ", "tags": ["a", " b  c ", "a"], "rating": 2}
    api.patch(path_of(trade), said, format="json")

    answer = api.patch(path_of(trade), {"rating": None}, format="json")

    assert answer.status_code == 200
    assert answer.json() == api.get(path_of(trade)).json()
    assert answer.json()["note"] == "late"
    assert answer.json()["tags"] == ["a", "b c"]
    assert answer.json()["rating"] is None


def test_the_ledger_and_its_trail_know_nothing_of_it(
    api: APIClient, trade: Trade
) -> None:
    before = [Trade.objects.values().get(), Portfolio.objects.values().last()]

    api.patch(path_of(trade), {"note": "late", "rating": 5}, format="json")

    assert [Trade.objects.values().get(), Portfolio.objects.values().last()] == before
    assert not LedgerChange.objects.exists()


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"rating": 0}, "rating"),
        ({"rating": 6}, "rating"),
        ({"rating": 2.5}, "rating"),
        ({"note": "x" * 5001}, "note"),
        ({"note": None}, "note"),
        ({"tags": ["x"] * 11}, "tags"),
        ({"tags": ["x" * 31]}, "tags"),
        ({"tags": ["a,b"]}, "tags"),
        ({"tags": "a"}, "tags"),
        ({"profit_loss": "5"}, "profit_loss"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_stored(
    api: APIClient, trade: Trade, sent: dict[str, Any], field: str
) -> None:
    answer = api.patch(path_of(trade), {"note": "fine", **sent}, format="json")

    assert answer.status_code == 400
    assert field in str(answer.json())
    assert not TradeNote.objects.exists()


@pytest.mark.parametrize("method", ["get", "patch"])
def test_another_users_trade_is_not_found(
    api: APIClient, trade: Trade, method: str
) -> None:
    api.force_authenticate(UserFactory())

    answer = getattr(api, method)(path_of(trade), {"note": "mine"}, format="json")

    assert answer.status_code == 404
    assert not TradeNote.objects.exists()


@pytest.mark.tables
@pytest.mark.parametrize(
    "wrong", [{"rating": 6}, {"rating": 0}, {"tags": ["x"] * 11}, {"note": "x" * 5001}]
)
def test_the_database_refuses_it_too(trade: Trade, wrong: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        TradeNote.objects.create(trade=trade, updated_at=timezone.now(), **wrong)


@pytest.mark.tables
def test_a_trade_that_is_deleted_takes_its_note(trade: Trade) -> None:
    TradeNote.objects.create(trade=trade, updated_at=timezone.now())

    Trade.objects.filter(pk=trade.pk)._raw_delete("default")

    assert not TradeNote.objects.exists()
