"""A refusal names everything that is wrong, what is allowed and what comes nearest.

The tables follow from the schema, so that a new endpoint is covered at once.
"""

from typing import Any

import pytest
from django.utils import timezone

from goals.services.portfolios import create_portfolio
from mastertrade.web.errors import MOST_ERRORS
from mastertrade.web.parameters import parameters_of
from strategies.services import create_strategy
from tests.bodies import BODIES
from tests.http import (
    ANYBODYS,
    KEYED_BY_ADDRESS,
    Trader,
    client_with,
    made_once,
    make_busy_trader,
    make_newcomer,
    nothing_changes,
    operations,
    read,
    resolve,
    send,
    unthrottled,  # noqa: F401
)

ENUMERATED = [
    (name, field)
    for name, one in operations().items()
    for field, described in one.body.items()
    if "enum" in described
]
ASKED = [name for name in operations() if name not in KEYED_BY_ADDRESS]
CHOSEN = [
    (name, parameter)
    for name in ASKED
    for parameter, described in operations()[name].query.items()
    if "enum" in described or "enum" in described.get("items", {})
]


busy_of_module = made_once(make_busy_trader)
stranger_of_module = made_once(make_busy_trader)


@pytest.fixture
def trader(db: None, busy_of_module: Trader) -> Trader:
    return busy_of_module.for_one_test()


@pytest.fixture
def stranger(db: None, stranger_of_module: Trader) -> Trader:
    return stranger_of_module.for_one_test()


def refuse(trader: Trader, name: str, body: Any) -> Any:
    """The 400 that an operation answers to a body; nothing was done."""
    operation = operations()[name]
    with nothing_changes():
        path = trader.address(operation.path)
        return read(send(trader.client, operation.method, path, body), 400)


@pytest.mark.parametrize("name", BODIES)
def test_an_unknown_field_is_named_with_the_nearest_and_all_fields(
    name: str, trader: Trader
) -> None:
    known = list(operations()[name].body)
    meant = known[0]
    refused = refuse(trader, name, {**BODIES[name](trader), f"{meant}s": "1"})

    assert list(refused) == [f"{meant}s"]
    (words,) = refused[f"{meant}s"]
    assert words.startswith(f"Unknown field. Did you mean {meant}? The fields are ")
    assert all(field in words for field in known)


def test_an_unknown_field_of_a_row_is_named_in_its_row(trader: Trader) -> None:
    row = {"trade_id": trader["trade_id"], "unrealized_pnl": "1", "trade": 5}
    name = "POST /api/portfolios/{portfolio_id}/cash-flows/"
    refused = refuse(trader, name, {"amount": "5", "unrealized": [row]})

    (words,) = refused["unrealized"]["0"]["trade"]
    assert words.startswith("Unknown field. Did you mean trade_id?")


@pytest.mark.parametrize(
    ("name", "field", "words"),
    [
        ("POST /api/portfolios/", "equity", "is set by MasterTrade"),
        ("PATCH /api/portfolios/{portfolio_id}/", "kind", "is set by MasterTrade"),
        ("POST /api/goals/", "progress_pct", "is set by MasterTrade"),
        ("POST /api/goals/", "portfolio_id", "Did you mean portfolio?"),
        ("PATCH /api/goals/{goal_id}/", "goal_type", "cannot be changed after"),
        ("PATCH /api/strategies/{strategy_id}/", "strategy_id", "cannot be changed"),
        ("POST /api/strategies/", "user_id", "is set by MasterTrade"),
        ("POST /api/trades/", "trade_id", "is set by MasterTrade"),
        ("POST /api/trades/{trade_id}/close/", "profit_loss", "is set by MasterTrade"),
        *[
            (f"POST /api/trades/{{trade_id}}/{way}/", field, "belongs to the trade")
            for way in ("add", "close")
            for field in ("symbol", "side", "strategy_id", "status", "portfolio")
        ],
        ("POST /api/webhooks/", "path", "is set by MasterTrade"),
        ("POST /api/channels/", "waiting", "is set by MasterTrade"),
        ("PATCH /api/channels/{channel_id}/", "kind", "cannot be changed"),
    ],
)
def test_a_field_that_is_known_but_not_taken_says_why(
    name: str, field: str, words: str, trader: Trader
) -> None:
    refused = refuse(trader, name, {**BODIES[name](trader), field: "1"})
    assert words in refused[field][0]


@pytest.mark.parametrize(("name", "field"), ENUMERATED)
def test_a_wrong_choice_is_answered_with_the_choices_and_the_nearest(
    name: str, field: str, trader: Trader
) -> None:
    words = [word for word in operations()[name].body[field]["enum"] if word]
    body = {**BODIES[name](trader), field: f"{words[-1]}x"}

    (said,) = refuse(trader, name, body)[field]
    assert said == (f"Must be one of {', '.join(words)}. Did you mean {words[-1]}?")


def wrong_value(field: dict[str, Any]) -> Any:
    """One that no field of the kind takes."""
    is_list = field.get("type") in {"array", "object"}
    return "nonsense" if is_list else [[]]


@pytest.mark.parametrize("name", BODIES)
def test_all_that_is_wrong_is_named_at_once(name: str, trader: Trader) -> None:
    fields = operations()[name].body
    wrong = {field: wrong_value(one) for field, one in fields.items()}
    refused = refuse(trader, name, {**wrong, "nonsense": 1})

    named = {"nonsense", *fields}
    shown = set(refused) - {"and_more"}
    assert shown == named if len(named) <= MOST_ERRORS else shown < named
    assert len(shown) == min(len(named), MOST_ERRORS)
    assert all(isinstance(one, list) for one in refused.values())


UNKNOWN = {
    "portfolio": "nowhere",
    "strategy_id": "nobody",
    "candidates": ["nobody"],
    "adjustment_id": 999_999_999,
}


def references_of(name: str) -> list[str]:
    if name == "POST /api/strategies/":  # it names the new one
        return []
    return [field for field in operations()[name].body if field in UNKNOWN]


@pytest.mark.parametrize("name", [one for one in BODIES if references_of(one)])
def test_unknown_references_are_named_together_and_with_what_else_is_wrong(
    name: str, trader: Trader
) -> None:
    valid, named = BODIES[name](trader), references_of(name)
    unknown = {field: UNKNOWN[field] for field in named}
    if "portfolio" in unknown and "adjustment_id" in unknown:
        # Decisions are a portfolio's: with an unknown one nothing is said of them.
        refused = refuse(
            trader, name, {**valid, "adjustment_id": UNKNOWN["adjustment_id"]}
        )
        assert list(refused) == ["adjustment_id"]
        del unknown["adjustment_id"]
    alone = refuse(trader, name, {**valid, **unknown})
    assert set(alone) == set(unknown)
    with_others = refuse(trader, name, {**valid, **unknown, "nonsense": 1})
    assert set(with_others) == {*unknown, "nonsense"}


def test_a_taken_strategy_id_is_named_with_all_else_that_is_wrong(
    trader: Trader,
) -> None:
    name = "POST /api/strategies/"
    wrong = {"strategy_type": "No word!", "risk_profile": "x", "parameters": []}
    refused = refuse(trader, name, {"strategy_id": "momentum_001", **wrong})
    assert set(refused) == {"strategy_id", *wrong}
    assert refused["strategy_id"] == ["You already have a strategy momentum_001."]


def test_an_unknown_reference_is_answered_with_the_nearest_of_ones_own(
    trader: Trader,
) -> None:
    stranger = make_busy_trader()
    stranger.post("/api/portfolios/", {"name": "cryptos"}, 201)
    body = {**BODIES["POST /api/trades/"](trader), "portfolio": "crypt"}
    refused = refuse(trader, "POST /api/trades/", {**body, "strategy_id": "momentum"})

    assert refused["portfolio"] == [
        "You have no portfolio crypt. Did you mean crypto? Yours are main, crypto."
    ]
    assert refused["strategy_id"] == [
        "You have no strategy momentum. Did you mean momentum_001? Yours are "
        "mean_reversion_001, momentum_001."
    ]


def test_a_choice_like_none_is_answered_without_a_hint(trader: Trader) -> None:
    refused = refuse(trader, "PATCH /api/goals/{goal_id}/", {"status": "achieved"})
    assert refused["status"] == ["Must be one of active, paused."]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/next-trade/", {"base_size": "1", "portfolio": "crypto"}),
        ("/api/goals/{goal_id}/strategy/", {}),
    ],
)
def test_what_is_unknown_is_counted_and_so_is_what_one_has(
    path: str, body: dict[str, Any], trader: Trader
) -> None:
    for number in range(70):
        fields = {"strategy_id": f"s{number:02}", "strategy_type": "momentum"}
        create_strategy(user=trader.user, now=timezone.now(), **fields)
        fields = {"user": trader.user, "name": f"p{number}"}
        create_portfolio(now=timezone.now(), **fields)
    unknown = [f"z{number}" for number in range(8)]
    refused = trader.post(path, {**body, "candidates": unknown}, 400)

    assert refused["candidates"] == [
        "You have no strategies z0, z1, z2, z3, z4 and 3 more. Yours are "
        "mean_reversion_001, momentum_001, s00, s01, s02, s03, s04, s05, s06, s07 and "
        "62 more."
    ]
    nowhere = {"base_size": "1", "portfolio": "nowhere"}
    (words,) = trader.post("/api/sizing/", nowhere, 400)["portfolio"]
    assert words.endswith("p6, p7 and 62 more.")


@pytest.mark.parametrize(
    ("name", "changes", "named"),
    [
        (
            "POST /api/goals/",
            {"min_factor": "1.5", "max_factor": "0.5", "recurring": True,
             "target_date": None, "priority": 11, "start_value": None},
            {"min_factor", "priority", "recurring"},
        ),
        (
            "POST /api/goals/",
            {"goal_type": "monthly_return", "target_value": "-1", "start_value": "5",
             "start_date": "2026-02-01", "target_date": "2026-01-01",
             "policy": "nonsense"},
            {"target_value", "start_value", "target_date", "policy"},
        ),
        (
            "PATCH /api/goals/{goal_id}/",
            {"min_factor": "1.9", "max_factor": "0.2", "status": "over"},
            {"min_factor", "status"},
        ),
        (
            "PATCH /api/goals/{goal_id}/",
            {"min_factor": "1.9", "target_value": "-1", "target_date": "2020-01-01"},
            {"min_factor", "target_value", "target_date"},
        ),
        (
            "PATCH /api/goals/{goal_id}/",
            {"target_value": "-1", "target_date": "2020-01-01"},
            {"target_value", "target_date"},
        ),
        (
            "PATCH /api/goals/{goal_id}/",
            {"target_value": "-1", "priority": 11, "target_date": None,
             "recurring": True},
            {"target_value", "priority", "target_date", "recurring"},
        ),
        (
            "POST /api/goals/",
            {"portfolio": "nosuch", "goal_type": "monthly_return",
             "target_value": "-5", "start_value": None, "min_factor": "1.5",
             "max_factor": "0.5"},
            {"portfolio", "target_value", "min_factor"},
        ),
        (
            "POST /api/goals/",
            {"portfolio": "nosuch", "recurring": True, "target_date": None},
            {"portfolio", "recurring"},
        ),
        (
            "POST /api/goals/",
            {"portfolio": "nosuch", "start_date": None, "target_date": "2020-01-01"},
            {"portfolio"},  # what is over depends on its time zone
        ),
        (
            "POST /api/goals/",
            {"portfolio": "crypto", "target_value": "-5", "start_date": None,
             "start_value": None, "priority": 11},
            {"target_value", "priority"},
        ),
        (
            "POST /api/trades/{trade_id}/add/",
            {"quantity": "0", "at": "2020-01-01T00:00:00Z"},
            {"quantity", "at"},
        ),
        (
            "POST /api/portfolios/",
            {"name": "main", "soft_drawdown_pct": "30", "hard_drawdown_pct": "20",
             "time_zone": "Europe/Viena", "opening_balance": "-1"},
            {"name", "soft_drawdown_pct", "time_zone", "opening_balance"},
        ),
        (
            "PATCH /api/portfolios/{portfolio_id}/",
            {"name": "main", "soft_drawdown_pct": "50", "edge_guard": "maybe"},
            {"name", "soft_drawdown_pct", "edge_guard"},
        ),
        (
            "POST /api/trades/",
            {"fx_rate": None, "exit_time": "2026-01-01T00:00:00Z", "side": "UP"},
            {"fx_rate", "exit_time", "side"},
        ),
        (
            "POST /api/trades/{trade_id}/close/",
            {"quantity": "5", "exit_time": "2026-01-01T00:00:00Z", "fees": "-1"},
            {"quantity", "exit_time", "fees"},
        ),
        (
            "POST /api/goals/{goal_id}/sizing/",
            {"lot_step": "0.1", "price": None, "strategy_id": "nobody",
             "max_size": "-1"},
            {"price", "lot_step", "strategy_id", "max_size"},
        ),
        (
            "POST /api/strategies/",
            {"strategy_id": "momentum_001", "status": "asleep"},
            {"strategy_id", "status"},
        ),
        (
            "POST /api/portfolios/{portfolio_id}/cash-flows/",
            {"amount": "0", "unrealized": [{"trade_id": 9**9, "unrealized_pnl": "1"}]},
            {"amount", "unrealized"},
        ),
    ],
)  # fmt: skip
def test_what_fields_say_together_is_named_with_what_each_says(
    name: str, changes: dict[str, Any], named: set[str], trader: Trader
) -> None:
    refused = refuse(trader, name, {**BODIES[name](trader), **changes})
    assert set(refused) == named


def test_all_that_is_wrong_with_a_list_and_its_items_is_named(trader: Trader) -> None:
    cash_flows = "POST /api/portfolios/{portfolio_id}/cash-flows/"
    mine = {"trade_id": trader["trade_id"], "unrealized_pnl": "1"}
    unknown = {**mine, "trade_id": 9**9}
    refused = refuse(
        trader, cash_flows, {"amount": "5", "unrealized": [mine, unknown, mine]}
    )
    both = [
        "names a trade more than once.",
        "The portfolio has no trade 387420489.",
    ]
    assert refused == {"unrealized": both}

    wrong = {**mine, "unrealized_pnl": []}
    refused = refuse(
        trader, cash_flows, {"amount": "5", "unrealized": [mine, mine, unknown, wrong]}
    )
    assert set(refused["unrealized"]) == {"3", "non_field_errors"}
    assert refused["unrealized"]["non_field_errors"] == both

    refused = refuse(
        trader,
        "POST /api/goals/{goal_id}/strategy/",
        {"candidates": [[], "nobody", "momentum_001"]},
    )
    assert set(refused["candidates"]) == {"0", "non_field_errors"}
    assert "no strategy nobody" in refused["candidates"]["non_field_errors"][0]


def test_bad_input_comes_before_what_the_state_refuses(trader: Trader) -> None:
    name = "PATCH /api/portfolios/{portfolio_id}/"
    assert set(
        refuse(trader, name, {"currency": "EUR", "soft_drawdown_pct": "50"})
    ) == {"soft_drawdown_pct"}
    answer = trader.patch(operations()[name].path, {"currency": "EUR"}, 409)
    assert answer["code"] == "portfolio_frozen"

    trader.post("/api/portfolios/{portfolio_id}/halt/", {"reason": "tired"})
    body = BODIES["POST /api/trades/"](trader)
    for field in ("exit_price", "exit_time", "profit_loss", "override"):
        del body[field]
    wrong = {**body, "strategy_id": "nobody"}
    assert set(refuse(trader, "POST /api/trades/", wrong)) == {"strategy_id"}
    assert trader.post("/api/trades/", body, 409)["code"] == "trading_halted"


@pytest.mark.parametrize("name", [one for one in BODIES if "{" in one])
def test_an_unknown_object_of_the_address_comes_before_a_bad_body(
    name: str, trader: Trader, stranger: Trader
) -> None:
    operation = operations()[name]
    path = operation.path.format(**{**stranger.ids, "strategy_id": "nosuch"})
    for body in ({"nonsense": 1}, [], "{", "null"):
        answer = read(send(trader.client, operation.method, path, body), 404)
        assert answer["code"] == "not_found"


def test_many_errors_are_bounded_and_counted(trader: Trader) -> None:
    body = {f"x{number}": 1 for number in range(300)}
    refused = refuse(trader, "POST /api/goals/", body)

    assert len(refused) == MOST_ERRORS + 1
    assert refused["and_more"] == ["282 more fields are wrong."]  # 300, and 2 required


@pytest.mark.parametrize("name", ASKED)
def test_the_parameters_that_are_described_are_the_ones_that_are_taken(
    name: str, trader: Trader
) -> None:
    operation = operations()[name]
    answer = send(trader.client, "GET", trader.address(operation.path))
    view: Any = answer.resolver_match.func
    taken = parameters_of(view.cls, operation.method)
    body = set()
    if name == "POST /api/trades/import/":
        content = operation.description["requestBody"]["content"]
        body = set(resolve(content["multipart/form-data"]["schema"])["properties"])

    assert set(taken or ()) - {"format"} == set(operation.query) | (body - {"format"})


@pytest.mark.parametrize("name", ASKED)
def test_an_unknown_parameter_is_refused_by_name(name: str, trader: Trader) -> None:
    operation = operations()[name]
    path = f"{trader.address(operation.path)}?portfolo=crypto"
    with nothing_changes():
        answer = trader.client.generic(operation.method, path, "{}")
    (words,) = read(answer, 400)["portfolo"]

    knows = "portfolio" in operation.query or name == "POST /api/trades/import/"
    hint = " Did you mean portfolio?" if knows else ""
    nothing = "Unknown parameter; none is taken here."
    assert words == nothing or words.startswith(f"Unknown parameter.{hint} The ")


@pytest.mark.parametrize("name", ASKED)
def test_an_unknown_parameter_is_refused_after_credentials_and_objects(
    name: str, trader: Trader
) -> None:
    """401, then 404, then 400, whatever the method."""
    operation = operations()[name]
    path = f"{trader.address(operation.path)}?portfolo=crypto"
    with nothing_changes():
        answer = client_with().generic(operation.method, path, "{}")
    assert answer.status_code == (400 if name in ANYBODYS else 401)
    if "{" not in operation.path:
        return
    stranger = make_newcomer(username="stranger")
    with nothing_changes():
        answer = stranger.client.generic(operation.method, path, "{}")
    assert answer.status_code == 404


@pytest.mark.parametrize(("name", "parameter"), CHOSEN)
def test_a_wrong_choice_in_a_query_is_answered_with_the_choices(
    name: str, parameter: str, trader: Trader
) -> None:
    described = operations()[name].query[parameter]
    words = described.get("enum") or described["items"]["enum"]
    answer = trader.client.get(
        trader.address(operations()[name].path), {parameter: f"{words[-1]}x"}
    )

    (said,) = read(answer, 400)[parameter]
    assert all(word in said for word in words)
    assert said.endswith(f"Did you mean {words[-1]}?")


@pytest.mark.parametrize(
    ("ordering", "said"),
    [("progres_pct", "Did you mean progress_pct?"), ("nonsense", "Must be one of")],
)
def test_an_unknown_order_is_answered_with_the_orders(
    ordering: str, said: str, trader: Trader
) -> None:
    answer = trader.client.get("/api/goals/", {"ordering": ordering})
    (words,) = read(answer, 400)["ordering"]
    assert said in words
    assert "target_date" in words


FORMS = [
    ("target_value", "5 %", 'Must be a number, such as "1250.50".'),
    ("target_date", "31.3.2026", "Must be a date, such as 2026-03-31."),
    ("priority", "high", "Must be a whole number, such as 5."),
    ("recurring", "perhaps", "Must be true or false."),
    ("portfolio", [], "Must be a portfolio's key or its name."),
    ("priority", 11, "Must be from 1 to 10."),
    ("priority", 0, "Must be from 1 to 10."),
    ("policy", None, "Must not be null."),
]


@pytest.mark.parametrize(("field", "value", "said"), FORMS)
def test_a_value_that_cannot_be_read_is_answered_with_the_form_that_can(
    field: str, value: Any, said: str, trader: Trader
) -> None:
    name = "POST /api/goals/"
    refused = refuse(trader, name, {**BODIES[name](trader), field: value})
    assert refused == {field: [said]}


@pytest.mark.parametrize("body", ["null", "[1]", "5", '"text"'])
@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_is_no_object_is_answered_with_one(
    name: str, body: str, trader: Trader
) -> None:
    if name == "POST /api/positions/marks/" and body == "[1]":
        pytest.skip("it takes a list")
    assert refuse(trader, name, body) == {
        "non_field_errors": ['Must be a JSON object, such as {"field": "value"}.']
    }


def test_a_length_is_answered_with_the_length_that_is_allowed(trader: Trader) -> None:
    halt = "POST /api/portfolios/{portfolio_id}/halt/"
    words = "Must have at most 500 characters."
    assert refuse(trader, halt, {"reason": "x" * 501}) == {"reason": [words]}
    assert refuse(trader, halt, {"reason": ""}) == {"reason": ["Must not be empty."]}
    strategy = "POST /api/goals/{goal_id}/strategy/"
    refused = refuse(trader, strategy, {"candidates": []})
    assert refused == {"candidates": ["Must have at least 1 items."]}


def test_an_unknown_page_is_answered_with_the_pages_there_are(trader: Trader) -> None:
    for asked in ("2", "0", "nonsense"):
        answer = trader.client.get("/api/goals/", {"page": asked})
        refused = read(answer, 404)
        assert refused["code"] == "not_found"
        assert refused["detail"] == f"There is no page {asked}; there is page 1 only."
    answer = trader.client.get("/api/strategies/", {"page": 9, "page_size": 1})
    assert read(answer, 404)["detail"] == "There is no page 9; pages are 1 to 2."


@pytest.mark.parametrize("form", ["html", "xml", "api"])
def test_an_unknown_format_is_answered_with_the_ones_there_are(
    form: str, trader: Trader
) -> None:
    answer = trader.client.get("/api/goals/", {"format": form})
    assert read(answer, 400) == {"format": ["Must be one of json."]}
    assert trader.client.get("/api/goals/", {"format": "json"}).status_code == 200
    described = trader.client.get("/api/schema/", {"format": form})
    assert read(described, 400) == {"format": ["Must be one of yaml, json."]}


@pytest.mark.parametrize(
    ("asked", "status"),
    [({"QUERY_STRING": "format=xml"}, 400), ({"HTTP_ACCEPT": "text/xml"}, 406)],
)
@pytest.mark.parametrize("method", ["get", "post", "patch", "delete", "options"])
def test_a_wrong_form_comes_after_credentials_and_the_address(
    method: str, asked: dict[str, str], status: int, trader: Trader
) -> None:
    goal = trader.address("/api/goals/{goal_id}/")
    nobody, unknown = client_with(), "/api/goals/987654321/"
    mistaken = client_with("Token nonsense")
    for path in (goal, unknown):
        for client in (nobody, mistaken):
            read(client.generic(method.upper(), path, **asked), 401)
    read(trader.client.generic(method.upper(), unknown, **asked), 404)
    read(trader.client.generic(method.upper(), goal, **asked), status)


@pytest.mark.parametrize("path", ["/api/docs/", "/api/schema/"])
def test_a_refusal_of_the_description_is_json_too(path: str, trader: Trader) -> None:
    refused = trader.client.post(path, {})
    assert read(refused, 405)["code"] == "method_not_allowed"
    assert "GET" in refused["Allow"]
    refused = trader.client.get(path, HTTP_ACCEPT="image/png")
    assert read(refused, 406)["code"] == "not_acceptable"
    assert refused["Content-Type"] == "application/json"


def test_all_wrong_parameters_are_named_at_once(trader: Trader) -> None:
    def refused(path: str) -> set[str]:
        return set(read(trader.client.get(trader.address(path)), 400))

    asked = "status=x&side=long&foo=1&ordering=y&page_size=0"
    wrong = {"status", "side", "foo", "ordering", "page_size"}
    assert refused(f"/api/trades/?{asked}") == wrong
    assert refused("/api/goals/{goal_id}/projection/?as_of=x&strategy_id=z&foo=1") == {
        "as_of",
        "strategy_id",
        "foo",
    }
    assert refused("/api/goals/?foo=1&kind=x&portfolio=nope") == {
        "foo",
        "kind",
        "portfolio",
    }


def test_a_parameter_that_comes_twice_is_refused(trader: Trader) -> None:
    for path in ("/api/goals/", "/api/trades/"):
        answer = trader.client.get(f"{path}?portfolio=main&portfolio=crypto")
        assert read(answer, 400) == {"portfolio": ["Is given 2 times; give it once."]}
    several = trader.client.get("/api/goals/?status=active&status=paused")
    assert len(read(several, 200)["results"]) == 1


LISTS_BY_PORTFOLIO = [
    name
    for name, one in operations().items()
    if one.is_list and "portfolio" in one.query
]


@pytest.mark.parametrize("name", LISTS_BY_PORTFOLIO)
def test_an_unknown_portfolio_in_a_query_is_answered_with_ones_own(
    name: str, trader: Trader, stranger: Trader
) -> None:
    for asked in ("cripto", stranger["portfolio_id"]):
        path = trader.address(operations()[name].path)
        (words,) = read(trader.client.get(path, {"portfolio": asked}), 400)["portfolio"]
        assert words.startswith(f"You have no portfolio {asked}.")
        assert words.endswith("Yours are main, crypto.")
