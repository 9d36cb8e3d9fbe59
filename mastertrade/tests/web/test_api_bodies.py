"""Request bodies: what is no request is refused, and what is one stays exact."""

import json
from typing import Any

import pytest

from tests.bodies import BODIES
from tests.http import (
    Trader,
    made_once,
    make_busy_trader,
    make_newcomer,
    make_trader,
    nothing_changes,
    operations,
    read,
    send,
    unthrottled,  # noqa: F401
)


@pytest.fixture
def newcomer(db: None) -> Trader:
    return make_newcomer()


trader_of_module = made_once(make_trader)


@pytest.fixture
def trader(db: None, trader_of_module: Trader) -> Trader:
    return trader_of_module.for_one_test()


def post_goal(newcomer: Trader, body: Any, **options: Any) -> Any:
    return newcomer.client.generic("POST", "/api/goals/", body, **options)


GOAL = {"goal_type": "monthly_return", "target_value": "5", "portfolio": "main"}
JSON = {"content_type": "application/json"}


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        "[1]",
        "1",
        "null",
        "true",
        '"goal"',
        "{",
        "}",
        "nonsense",
        '{"goal_type": }',
        "{'goal_type': 1}",
        '{"target_value": NaN}',
        '{"target_value": -Infinity}',
        '{"target_value": 01}',
        '{"target_value": 1e99999999999999999999}',
        '{"target_value": ' + "9" * 5000 + "}",
        "\ufeff{}",
        b"\xff\xfe",
        "{}".encode("utf-16"),
        b'{"goal_type": "\xff"}',
        "[" * 100_000,
        '{"goal_type":' * 900 + "1" + "}" * 900,
        '{"goal_type":' * 31 + "1" + "}" * 31,
        '{"target_value": "5", "target_value": "500", "goal_type": "monthly_return"}',
        '{"\\ud800": 1, "goal_type": "monthly_return", "target_value": 5}',
        "",
        "{}",
    ],
)
def test_a_body_that_is_no_request_is_bad_input(newcomer: Trader, body: Any) -> None:
    with nothing_changes():
        answer = post_goal(newcomer, body, **JSON)
    assert answer.status_code == 400
    assert json.loads(answer.content)


@pytest.mark.parametrize("depth", range(20, 1000, 49))
def test_a_deep_body_is_bad_input_wherever_it_is_deep(
    newcomer: Trader, depth: int
) -> None:
    for name in ("goal_type", "target_value", "portfolio", "recurring", "x"):
        deep = '{"a":' * depth + "1" + "}" * depth
        answer = post_goal(newcomer, f'{{"{name}": {deep}}}', **JSON)
        assert answer.status_code == 400


@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain",
        "application/xml",
        "nonsense",
        "application/json5",
    ],
)
def test_another_content_type_is_unsupported(
    newcomer: Trader, content_type: str
) -> None:
    with nothing_changes():
        answer = post_goal(newcomer, json.dumps(GOAL), content_type=content_type)
    assert answer.status_code == 415


def test_a_body_may_name_its_charset(newcomer: Trader) -> None:
    content_type = "application/json; charset=utf-8"
    answer = post_goal(newcomer, json.dumps(GOAL), content_type=content_type)
    assert answer.status_code == 201


def test_a_field_nobody_knows_is_refused_by_name(db: None) -> None:
    """A misspelt `max_szie` must not size a trade without its limit."""
    trader = make_busy_trader()
    with nothing_changes():
        for name in BODIES:
            operation = operations()[name]
            answer = send(
                trader.client,
                operation.method,
                trader.address(operation.path),
                {**BODIES[name](trader), "max_szie": "1"},
            )
            assert list(read(answer, 400)) == ["max_szie"], name


@pytest.mark.parametrize("number", ["0.1", "0.10", "1e-1", '"0.1"', '"+.1"', '" 0.1 "'])
def test_a_number_stays_exact_in_every_notation(trader: Trader, number: str) -> None:
    body = f'{{"amount": {number}}}'
    path = trader.address("/api/portfolios/{portfolio_id}/cash-flows/")
    answer = read(send(trader.client, "POST", path, body), 201)
    assert answer["amount"] == "0.10000000"


def test_zero_has_no_sign(trader: Trader) -> None:
    body = {"name": "empty", "opening_balance": "-0.0"}
    answer = trader.post("/api/portfolios/", body, 201)
    assert answer["opening_balance"] == answer["equity"] == "0.00000000"


def test_an_empty_text_is_not_no_limit(trader: Trader) -> None:
    body = {"base_size": "1000", "max_size": ""}
    assert list(trader.post("/api/goals/{goal_id}/sizing/", body, 400)) == ["max_size"]


ODD_TEXTS = ["😀", "Ω", "a" * 100, "' OR 1=1 --", "<script>", "%s", "\u202e", "\x7f"]


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_odd_texts_come_back_as_they_were_sent(trader: Trader, text: str) -> None:
    answer = trader.post("/api/portfolios/", {"name": text}, 201)
    assert answer["name"] == text
    found = trader.get("/api/portfolios/", name=text)["results"]
    assert [one["portfolio_id"] for one in found] == [answer["portfolio_id"]]
    goal = trader.post("/api/goals/", {**GOAL, "portfolio": text}, 201)
    assert goal["portfolio_id"] == answer["portfolio_id"]


@pytest.mark.parametrize(
    "parameters",
    [
        '{"a": 1e400}',
        '{"a": [-1e400]}',
        '{"a": "\\u0000"}',
        '{"\\u0000": 1}',
        '{"a": "\\ud800"}',
        '{"a":' * 21 + "1" + "}" * 21,
        "[]",
        '"x"',
    ],
)
def test_parameters_the_database_cannot_keep_are_refused(
    trader: Trader, parameters: str
) -> None:
    body = f'{{"parameters": {parameters}}}'
    path = trader.address("/api/strategies/{strategy_id}/")
    with nothing_changes():
        answer = send(trader.client, "PATCH", path, body)
    assert list(read(answer, 400)) == ["parameters"]


@pytest.mark.parametrize(
    "parameters",
    [
        "{}",
        '{"a": 1e22, "b": -1.5e-300, "c": ' + "9" * 400 + "}",
        '{"a": "\\ud83d\\ude00", "": null, "b": [[], {}, true, "x"]}',
        '{"a":' * 18 + "1" + "}" * 18,
    ],
)
def test_parameters_come_back_as_they_were_sent(
    trader: Trader, parameters: str
) -> None:
    body = f'{{"parameters": {parameters}}}'
    path = trader.address("/api/strategies/{strategy_id}/")
    assert send(trader.client, "PATCH", path, body).status_code == 200
    assert trader.get(path)["parameters"] == json.loads(parameters)
