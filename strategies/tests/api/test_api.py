"""/api/strategies/, as the contract describes it."""

from typing import Any

import pytest
from django.utils import timezone

from mastertrade.values.exceptions import InvalidInput
from strategies.services import create_strategy
from tests.http import (
    Trader,
    made_once,
    make_newcomer,
    nothing_changes,
    unthrottled,  # noqa: F401
)

trader_of_module = made_once(make_newcomer)


@pytest.fixture
def trader(db: None, trader_of_module: Trader) -> Trader:
    return trader_of_module.for_one_test()


def add(trader: Trader, answered: int = 201, **fields: Any) -> Any:
    body = {"strategy_id": "momentum_001", "strategy_type": "momentum", **fields}
    return trader.post("/api/strategies/", body, answered)


def test_a_strategy_is_answered_with_the_contracts_names(trader: Trader) -> None:
    answer = add(trader)
    for name in ("created_at", "updated_at"):
        assert answer.pop(name).endswith("Z")
    assert answer == {
        "strategy_id": "momentum_001",
        "kind": "live",
        "user_id": trader.user.username,
        "strategy_name": "momentum_001",
        "strategy_type": "momentum",
        "risk_profile": "moderate",
        "parameters": {},
        "status": "active",
    }


def test_a_strategy_reads_as_it_was_answered(trader: Trader) -> None:
    fields = {
        "strategy_name": "Momentum, 20 bars",
        "risk_profile": "aggressive",
        "parameters": {"period": 20, "exit": {"bars": [1, 2.5, None, True]}},
        "status": "paused",
    }
    added = add(trader, **fields)
    assert added.items() >= fields.items()
    assert trader.get("/api/strategies/momentum_001/") == added
    assert trader.get("/api/strategies/")["results"] == [added]


@pytest.mark.parametrize("strategy_id", ["a", "A.b:c-d_9", "0", "x" * 100, "a.."])
def test_an_id_is_found_at_its_address(trader: Trader, strategy_id: str) -> None:
    added = add(trader, strategy_id=strategy_id)
    assert trader.get(f"/api/strategies/{strategy_id}/") == added


@pytest.mark.parametrize(
    "strategy_id", ["a/b", "..", "-a", "a b", "ä", "x" * 101, "a?b", "a%", "😀", "a\nb"]
)
def test_an_id_that_has_no_address_is_refused(trader: Trader, strategy_id: str) -> None:
    with nothing_changes():
        assert list(add(trader, 400, strategy_id=strategy_id)) == ["strategy_id"]


@pytest.mark.parametrize("word", ["Momentum", "mean reversion", "1st", "x" * 51, "a-b"])
def test_a_type_is_a_word(trader: Trader, word: str) -> None:
    assert list(add(trader, 400, strategy_type=word)) == ["strategy_type"]


def test_a_type_may_be_one_nobody_knows(trader: Trader) -> None:
    assert add(trader, strategy_type="carry")["strategy_type"] == "carry"


def test_an_id_belongs_to_one_strategy_of_a_user(trader: Trader) -> None:
    add(trader)
    with nothing_changes():
        assert list(add(trader, 400)) == ["strategy_id"]
    add(make_newcomer())


def test_everything_but_the_id_may_change(trader: Trader) -> None:
    add(trader)
    changes = {
        "strategy_name": "Slow",
        "strategy_type": "mean_reversion",
        "risk_profile": "conservative",
        "parameters": {"period": 200},
        "status": "paused",
    }
    answer = trader.patch("/api/strategies/momentum_001/", changes)
    assert answer.items() >= changes.items()
    assert trader.get("/api/strategies/momentum_001/") == answer


@pytest.mark.parametrize("field", ["strategy_id", "user_id", "created_at"])
def test_what_names_a_strategy_stays(trader: Trader, field: str) -> None:
    add(trader)
    with nothing_changes():
        answer = trader.patch("/api/strategies/momentum_001/", {field: "x"}, 400)
    assert list(answer) == [field]


def test_parameters_are_replaced_not_merged(trader: Trader) -> None:
    add(trader, parameters={"a": 1})
    changes = {"parameters": {"b": 2}}
    answer = trader.patch("/api/strategies/momentum_001/", changes)
    assert answer["parameters"] == {"b": 2}


def test_a_strategy_is_not_deleted(trader: Trader) -> None:
    add(trader)
    assert trader.client.delete("/api/strategies/momentum_001/").status_code == 405


@pytest.mark.parametrize(
    "key", ["nothing", "%00", "%FF", "😀", "x" * 5000, "'", "a%2Fb"]
)
def test_an_unknown_strategy_is_not_found(trader: Trader, key: str) -> None:
    assert trader.client.get(f"/api/strategies/{key}/").status_code == 404


@pytest.mark.parametrize("hidden", ["\u200b", "\x07", "\u202e"])
def test_a_name_has_no_hidden_characters(trader: Trader, hidden: str) -> None:
    named = {"strategy_id": "hidden_1", "strategy_name": f"Mo{hidden}mentum"}
    refused = trader.post("/api/strategies/", named, 400)
    assert "hidden" in refused["strategy_name"][0]
    with pytest.raises(InvalidInput) as found:
        create_strategy(user=trader.user, now=timezone.now(), **named)
    assert found.value.field == "strategy_name"
