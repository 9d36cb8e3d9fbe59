"""freqtrade's webhook; its own code worded and rendered the messages."""

import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.request import Request

from goals.api.authentication import signed_in
from goals.models import ApiToken, User
from goals.services.goals import create_goal
from goals.services.sign_ins import revoke_tokens
from mastertrade.tests.schema import execute
from mastertrade.values.exceptions import NotFound
from mastertrade.values.money import MONEY, round_to
from strategies.services import create_strategy
from tests.http import (
    PASSWORD,
    Trader,
    all_rows,
    client_with,
    made_once,
    make_trader,
    nothing_changes,
    read,
    unthrottled,  # noqa: F401
)
from trades.booking.close import close_trade
from trades.booking.reconcile import find_drift
from trades.booking.void import void_trade
from trades.freqtrade.tokens import issue_webhook
from trades.importing.import_trades import import_trades
from trades.importing.options import ImportOptions
from trades.models import Position, Trade, TradeFill, WebhookToken

FILES = Path(__file__).parents[1] / "files"
DATABASE = FILES / "freqtrade.sqlite"
MESSAGES: list[dict[str, str]] = json.loads(
    (FILES / "freqtrade_messages.json").read_text()
)["messages"]
FORM = "application/x-www-form-urlencoded"


def of_trade(key: int) -> list[dict[str, str]]:
    return [one for one in MESSAGES if one["trade_id"] == str(key)]


def make_trader_with_webhook() -> Trader:
    trader = make_trader()
    answer = trader.post("/api/webhooks/", body(), 201)
    trader.ids.update(hook=answer["path"], webhook_id=answer["webhook_id"])
    return trader


trader_of_module = made_once(make_trader_with_webhook)


@pytest.fixture
def trader(db: None, trader_of_module: Trader) -> Trader:
    return trader_of_module.for_one_test()


def body(**fields: Any) -> dict[str, Any]:
    return {
        "bot": "main",
        "portfolio": "crypto",
        "strategy_id": "momentum_001",
        **fields,
    }


def tell(trader: Trader, message: Any, status: int = 200, **options: Any) -> Any:
    sent = message if isinstance(message, (str, bytes)) else json.dumps(message)
    given = {"content_type": "application/json", **options}
    return read(client_with().generic("POST", trader["hook"], sent, **given), status)


def tell_all(trader: Trader, messages: list[dict[str, str]]) -> list[Any]:
    return [tell(trader, message) for message in messages]


def trade_of(key: int) -> Trade:
    return Trade.objects.get(external_id=f"freqtrade:main:{key}")


def rows_of_database(statement: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"{DATABASE.as_uri()}?immutable=1", uri=True)) as base:
        return list(base.execute(statement))


def made(key: int) -> Decimal:
    whole = trade_of(key)
    rows = [whole, *whole.parts.all()]
    return sum((row.profit_loss or Decimal(0) for row in rows), Decimal(0))


def assert_no_drift(trader: Trader) -> None:
    assert [str(row) for row in find_drift([trader["portfolio_id"]])] == []


# --- what a bot does in its life ------------------------------------------------------


def test_what_a_bot_tells_makes_what_its_database_says(trader: Trader) -> None:
    answers = tell_all(trader, MESSAGES)
    assert {answer["outcome"] for answer in answers} == {"booked"}
    given = rows_of_database("SELECT id, realized_profit, is_open FROM trades")
    for key, profit, is_open in given[:-1]:  # the last one was only ordered
        assert made(key) == round_to(Decimal(repr(profit)), MONEY), key
        assert trade_of(key).is_open == bool(is_open)
    assert_no_drift(trader)


def test_what_is_open_holds_what_the_bot_holds(trader: Trader) -> None:
    tell_all(trader, MESSAGES)
    held = rows_of_database(
        "SELECT pair, amount, open_rate, leverage FROM trades WHERE is_open AND amount"
    )
    positions = Position.objects.filter(status="open").select_related("trade")
    ours = [
        (p.symbol, float(p.quantity), float(p.entry_price), float(p.trade.leverage))
        for p in positions.order_by("symbol")
    ]
    assert ours == sorted(held)


def test_every_message_again_changes_nothing(trader: Trader) -> None:
    tell_all(trader, MESSAGES)
    before = without_last_use(all_rows())
    answers = tell_all(trader, MESSAGES)
    assert {answer["outcome"] for answer in answers} == {"known"}
    assert without_last_use(all_rows()) == before


def without_last_use(rows: dict[str, list[str]]) -> dict[str, list[str]]:
    return {table: found for table, found in rows.items() if table != "webhook_tokens"}


@pytest.mark.slow
def test_each_message_twice_in_a_row_is_each_once(trader: Trader) -> None:
    for message in MESSAGES:
        assert tell(trader, message)["outcome"] == "booked"
        assert tell(trader, message)["outcome"] == "known"
    assert made(4) == Decimal("66.84242064")
    assert_no_drift(trader)


def test_adds_and_exits_that_are_alike_stay_several(trader: Trader) -> None:
    alike = of_trade(5)
    assert len({(m["amount"], m["open_rate"]) for m in alike[:3]}) == 1
    tell_all(trader, alike[:3])
    assert trade_of(5).quantity == 300
    assert TradeFill.objects.filter(trade=trade_of(5)).count() == 2
    tell_all(trader, alike[3:5])
    assert trade_of(5).quantity == 150
    parts = list(trade_of(5).parts.values_list("external_id", "quantity"))
    assert sorted(parts) == [
        (f"freqtrade:main:5:exit-{number}", Decimal(75)) for number in (1, 2)
    ]


def test_fees_are_what_the_profit_lacks_and_funding_what_it_has_too_much(
    trader: Trader,
) -> None:
    tell_all(trader, of_trade(1) + of_trade(7))
    spot, future = trade_of(1), trade_of(7)
    ratio = Decimal("0.001")
    turnover = spot.quantity * (spot.entry_price + spot.exit_price)
    assert spot.exit_fees == round_to(turnover * ratio, MONEY)
    assert future.exit_fees == 0
    # 9.5 of funding less fees on both sides.
    assert future.funding == Decimal("9.5") - round_to(
        future.quantity * (future.entry_price + future.exit_price) * ratio, MONEY
    )


def test_a_short_with_leverage_is_booked_on_its_full_size(trader: Trader) -> None:
    tell_all(trader, of_trade(6))
    short = trade_of(6)
    assert (short.side, short.leverage, short.quantity) == ("SHORT", 3, 1)
    assert short.profit_loss == Decimal("-36.782525") - Decimal("25.409825")


def test_the_final_exit_closes_what_is_left_and_moves_the_goals(
    trader: Trader,
) -> None:
    answers = tell_all(trader, of_trade(1))
    assert answers[1]["profit_loss"] == "19.91824657"
    goal = trader.get("/api/goals/{goal_id}/")
    portfolio = trader.get("/api/portfolios/{portfolio_id}/")
    assert portfolio["realized_pnl"] == "19.91824657"
    assert goal["status"] == "active"


def test_times_are_the_bots(trader: Trader) -> None:
    tell_all(trader, of_trade(4))
    trade = trade_of(4)
    assert trade.entry_time.isoformat(" ") == of_trade(4)[0]["open_date"]
    assert trade.exit_time.isoformat(" ") == of_trade(4)[-1]["close_date"]


# --- formats --------------------------------------------------------------------------


@pytest.mark.parametrize("key", [1, 4, 6])
def test_a_form_a_json_and_a_raw_body_say_the_same(trader: Trader, key: int) -> None:
    for message in of_trade(key):
        assert tell(trader, message)["outcome"] == "booked"
        form = urlencode(message)
        for sent, kind in (
            (form, FORM),
            (json.dumps(message), "text/plain"),
            (form, "text/plain"),
            (json.dumps(message, indent=2), "application/json; charset=utf-8"),
        ):
            assert tell(trader, sent, content_type=kind)["outcome"] == "known", kind


def test_another_content_type_is_unsupported(trader: Trader) -> None:
    tell(trader, "<fill/>", 415, content_type="application/xml")


@pytest.mark.parametrize(
    "kind",
    ["status", "entry", "exit", "entry_cancel", "exit_cancel", "startup", "whatever"],
)
def test_a_message_that_tells_no_fill_is_taken_and_ignored(
    trader: Trader, kind: str
) -> None:
    with nothing_changes():
        answer = tell(trader, {"type": kind, "status": "running", "trade_id": "1"})
    assert answer["outcome"] == "ignored"
    assert kind in answer["detail"]
    assert "type entry_fill and exit_fill" in answer["detail"]


def test_all_that_is_wrong_with_a_message_is_named_in_plain_words(
    trader: Trader,
) -> None:
    needed = {"trade_id", "pair", "direction", "amount", "open_rate", "open_date"}
    assert set(tell(trader, {"type": "entry_fill"}, 400)) == needed
    message = {**of_trade(1)[0], "trade_id": "x", "pair": 5.5, "amount": "y"}
    refused = tell(trader, {**message, "stake_currency": "usdt!"}, 400)
    assert set(refused) == {"trade_id", "amount", "stake_currency"}
    assert refused["trade_id"] == ["must be the number of a trade, such as 7."]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("type", ""),
        ("type", "None"),
        ("type", ["entry_fill"]),
        ("trade_id", "0"),
        ("trade_id", "-1"),
        ("trade_id", "1.5"),
        ("trade_id", "9" * 19),
        ("trade_id", None),
        ("pair", "None"),
        ("pair", "BTC USDT"),
        ("pair", "x" * 51),
        ("pair", "\0"),
        ("direction", "Up"),
        ("leverage", "0.5"),
        ("leverage", "nan"),
        ("leverage", "1" * 30),
        ("amount", "0"),
        ("amount", "-1"),
        ("amount", "1e-13"),
        ("amount", "1e99999999999"),
        ("amount", "inf"),
        ("amount", "0x10"),
        ("amount", "１"),  # noqa: RUF001
        ("amount", True),
        ("amount", {"a": 1}),
        ("open_rate", "None"),
        ("open_rate", "1e30"),
        ("stake_amount", "much"),
        ("stake_currency", "EUR"),
        ("stake_currency", "usdt"),
        ("open_date", "None"),
        ("open_date", "yesterday"),
        ("open_date", "9999-12-31 23:59:59+00:00"),
        ("open_date", "1969-12-31 23:59:59+00:00"),
    ],
)
def test_a_value_that_freqtrade_does_not_send_is_refused_by_name(
    trader: Trader, field: str, value: Any
) -> None:
    with nothing_changes():
        answer = tell(trader, {**of_trade(1)[0], field: value}, 400)
    assert list(answer) == [field]


@pytest.mark.parametrize("field", ["close_rate", "close_date", "is_final_exit"])
def test_an_exit_needs_its_own_fields(trader: Trader, field: str) -> None:
    entry, final = of_trade(1)
    tell(trader, entry)
    assert list(tell(trader, {**final, field: "None"}, 400)) == [field]
    assert trade_of(1).is_open


@pytest.mark.parametrize("sent", ["[]", "1", '"a"', "null", "{", "[1]", ""])
def test_a_body_that_is_no_message_is_refused(trader: Trader, sent: str) -> None:
    tell(trader, sent, 400)
    answer = tell(trader, sent, 400, content_type="text/plain")
    assert answer


def test_a_field_that_comes_twice_is_refused(trader: Trader) -> None:
    form = urlencode(of_trade(1)[0]) + "&amount=5"
    assert list(tell(trader, form, 400, content_type=FORM)) == ["amount"]


def test_a_bots_clock_may_be_a_little_ahead(trader: Trader) -> None:
    ahead = timezone.now() + timedelta(seconds=30)
    entry = {**of_trade(9)[0], "open_date": str(ahead)}
    assert tell(trader, entry)["outcome"] == "booked"
    assert trade_of(9).entry_time < ahead
    assert tell(trader, entry)["outcome"] == "known"


# --- what does not fit ----------------------------------------------------------------


def test_an_exit_before_its_entry_is_refused_and_says_so(trader: Trader) -> None:
    with nothing_changes():
        answer = tell(trader, of_trade(1)[1], 409)
    assert answer["code"] == "fill_missing"
    assert "no entry has arrived for it" in answer["detail"]


def test_an_addition_before_the_first_entry_is_refused(trader: Trader) -> None:
    answer = tell(trader, of_trade(4)[1], 409)
    assert answer["code"] == "fill_missing"
    assert not Trade.objects.exists()


@pytest.mark.parametrize("lost", range(1, 5))
def test_a_fill_after_a_lost_one_is_refused_until_the_database_is_imported(
    trader: Trader, lost: int
) -> None:
    messages = of_trade(4)
    tell_all(trader, messages[:lost])
    for late in messages[lost + 1 :]:
        assert tell(trader, late, 409)["code"] == "fill_missing"
    bring_database(trader)
    assert made(4) == Decimal("66.84242064")
    assert not trade_of(4).is_open
    assert_no_drift(trader)


def test_a_lost_final_exit_is_noticed_at_the_next_fill_of_the_pair(
    trader: Trader,
) -> None:
    tell(trader, of_trade(1)[0])
    entry = {**of_trade(1)[0], "trade_id": "11", "open_date": str(timezone.now())}
    exit_fill = {**of_trade(1)[1], "trade_id": "11"}
    for late in (entry, exit_fill):
        with nothing_changes():
            answer = tell(trader, late, 409)
        assert answer["code"] == "fill_missing"
        assert "trade 1 never arrived" in answer["detail"]
        assert "Import the bot's database" in answer["detail"]
    assert tell(trader, {**entry, "pair": "ETH/BTC"})["outcome"] == "booked"
    bring_database(trader)
    later = {**entry, "trade_id": "12"}
    assert tell(trader, later)["outcome"] == "booked"
    assert made(1) == Decimal("19.91824657")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"profit_amount": "0.0", "cumulative_profit": "0.0"}, "cumulative_profit"),
        ({"cumulative_profit": "0.0"}, "cumulative_profit"),
        ({"cumulative_profit": "0"}, "cumulative_profit"),
        ({"cumulative_profit": "None", "profit_amount": "0.0"}, "profit_amount"),
        ({"profit_amount": "9.9"}, "cumulative_profit"),
        ({"cumulative_profit": "-19.91824657"}, "cumulative_profit"),
        ({"cumulative_profit": "199.18", "profit_amount": "199.18"}, None),
        ({"close_rate": "75999.99"}, "cumulative_profit"),
        ({"amount": "0.0023"}, "amount"),
        ({"open_rate": "54250.37"}, "open_rate"),
        ({"close_date": "2026-01-05 07:00:00+00:00"}, "close_date"),
    ],
)
def test_an_exit_whose_figures_contradict_each_other_is_refused(
    trader: Trader, wrong: dict[str, str], field: str | None
) -> None:
    entry, exit_fill = of_trade(1)
    tell(trader, entry)
    with nothing_changes():
        answer = tell(trader, {**exit_fill, **wrong}, 400)
    assert list(answer) == [field or "cumulative_profit"]
    assert tell(trader, exit_fill)["profit_loss"] == "19.91824657"


def bring_database(trader: Trader) -> Any:
    with DATABASE.open("rb") as source:
        report = import_trades(
            user=trader.user,
            portfolio=trader["portfolio_id"],
            source=source,
            file_name=DATABASE.name,
            format_name="freqtrade",
            now=timezone.now(),
            options=ImportOptions(strategy_id="momentum_001", account="main"),
        )
    assert report.refused == 0
    return report


def test_importing_the_database_besides_adds_only_what_never_came(
    trader: Trader,
) -> None:
    heard = [one for one in MESSAGES if one["trade_id"] not in {"2", "8"}]
    tell_all(trader, heard)
    assert bring_database(trader).created == 2
    given = rows_of_database("SELECT sum(realized_profit) FROM trades")[0][0]
    portfolio = trader.get("/api/portfolios/{portfolio_id}/")
    assert abs(Decimal(portfolio["realized_pnl"]) - Decimal(given)) < Decimal("1e-7")
    assert_no_drift(trader)


def test_a_bot_goes_on_with_a_trade_that_was_imported_open(trader: Trader) -> None:
    bring_database(trader)
    sold = {
        **of_trade(9)[0],
        "type": "exit_fill",
        "close_rate": "90",
        "cumulative_profit": "27.2504",
        "close_date": str(timezone.now()),
        "is_final_exit": "True",
    }
    assert tell(trader, sold)["profit_loss"] == "27.25040000"
    assert_no_drift(trader)


def test_a_message_that_was_told_twice_in_other_words_is_known(trader: Trader) -> None:
    first, second, *_ = of_trade(5)
    tell_all(trader, [first, second])
    again = {**second, "current_rate": "0.55"}
    assert tell(trader, again)["outcome"] == "known"
    assert trade_of(5).quantity == 200


def test_a_bot_with_a_new_database_is_not_mistaken_for_the_old(trader: Trader) -> None:
    tell_all(trader, of_trade(1))
    for other in (
        {"pair": "ETH/USDT"},
        {"direction": "Short"},
        {"open_date": "2026-02-01 00:00:00+00:00"},
    ):
        answer = tell(trader, {**of_trade(1)[0], **other}, 409)
        assert answer["code"] == "idempotency_conflict"
        assert "new name" in answer["detail"]


def test_a_trade_that_ended_here_takes_no_more_fills(trader: Trader) -> None:
    messages = of_trade(4)
    tell(trader, messages[0])
    close_trade(
        user=trader.user,
        trade_id=trade_of(4).pk,
        exit_price=Decimal("0.35"),
        now=timezone.now(),
    )
    for message in (messages[1], messages[-1]):
        assert tell(trader, message, 409)["code"] == "trade_already_closed"
    void_trade(
        user=trader.user, trade_id=trade_of(4).pk, reason="a test", now=timezone.now()
    )
    assert tell(trader, messages[1], 409)["code"] == "trade_not_open"


def test_without_the_stake_and_the_sums_a_fill_is_taken_at_its_word(
    trader: Trader,
) -> None:
    bare = {"stake_amount", "cumulative_profit", "stake_currency", "current_rate"}
    for message in of_trade(6):
        tell(trader, {key: v for key, v in message.items() if key not in bare})
    # freqtrade counts the funding of the first part into the last one's profit too.
    assert made(6) == Decimal("25.409825") + Decimal("-61.87965")


# --- decisions ------------------------------------------------------------------------


def test_an_entry_is_linked_to_the_decision_that_sized_it(trader: Trader) -> None:
    now = timezone.now()
    asked = {"portfolio": "crypto", "base_size": "200.847", "symbol": "LTC/USDT"}
    create_goal(
        user=trader.user,
        goal_type="portfolio_value",
        target_value=Decimal(2000),
        portfolio=trader["portfolio_id"],
        as_of=now,
    )
    decided = trader.post("/api/sizing/", asked)
    assert decided["adjusted_size"] == "261.10110000"
    entry = {**of_trade(9)[0], "open_date": str(now)}
    tell(trader, entry)
    assert trade_of(9).adjustment_id == decided["adjustment_id"]
    # Of another size, symbol or time, or used already: none.
    for key, other in (
        (10, {}),
        (11, {"amount": "5", "stake_amount": "406.7"}),
        (12, {"pair": "BTC/USDT"}),
    ):
        close_trade(  # a bot has one trade a pair
            user=trader.user,
            trade_id=Trade.objects.get(status="open").pk,
            exit_price=Decimal(80),
            now=timezone.now(),
        )
        tell(trader, {**entry, "trade_id": str(key), **other})
        assert trade_of(key).adjustment_id is None


# --- tokens ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "token", ["x", "0" * 43, "é", "%00a", "a" * 5000, "..", "' OR 1"]
)
def test_a_wrong_token_is_not_found(trader: Trader, token: str) -> None:
    with nothing_changes():
        path = f"/api/webhooks/freqtrade/{token}/"
        answer = client_with().post(path, of_trade(1)[0])
    assert answer.status_code == 404


def test_a_token_is_stored_hashed_and_shown_once(trader: Trader) -> None:
    token = trader["hook"].split("/")[-2]
    assert len(token) == 43
    assert token not in str(all_rows())
    listed = trader.get("/api/webhooks/")["results"][0]
    assert listed["token_key"] == token[:8]
    assert token not in str(listed)


def test_a_webhook_opens_nothing_else(trader: Trader) -> None:
    token = trader["hook"].split("/")[-2]
    assert client_with(f"Token {token}").get("/api/trades/").status_code == 401
    assert client_with().get(trader["hook"]).status_code == 405


def test_a_revoked_webhook_is_not_found_and_its_trades_stay(trader: Trader) -> None:
    tell_all(trader, of_trade(1))
    path = trader.address("/api/webhooks/{webhook_id}/")
    assert trader.client.delete(path).status_code == 204
    tell(trader, of_trade(2)[0], 404)
    assert not trade_of(1).is_open


def test_a_new_token_of_the_same_bot_goes_on_where_the_old_one_was(
    trader: Trader,
) -> None:
    entry, final = of_trade(1)
    tell(trader, entry)
    trader.ids["hook"] = trader.post("/api/webhooks/", body(), 201)["path"]
    assert tell(trader, entry)["outcome"] == "known"
    assert tell(trader, final)["outcome"] == "booked"


def test_another_bot_has_trades_of_its_own(trader: Trader) -> None:
    tell_all(trader, of_trade(1))
    trader.ids["hook"] = trader.post("/api/webhooks/", body(bot="two"), 201)["path"]
    answers = tell_all(trader, of_trade(1))
    assert {answer["outcome"] for answer in answers} == {"booked"}
    assert Trade.objects.filter(external_id="freqtrade:two:1").exists()


def test_the_webhook_of_an_inactive_user_is_not_found(trader: Trader) -> None:
    User.objects.update(is_active=False)
    tell(trader, of_trade(1)[0], 404)


def test_its_use_is_seen(trader: Trader) -> None:
    assert trader.get("/api/webhooks/")["results"][0]["last_used_at"] is None
    tell(trader, of_trade(1)[0])
    assert trader.get("/api/webhooks/")["results"][0]["last_used_at"] is not None


@pytest.fixture
def issuer(trader: Trader) -> ApiToken:
    """The API token that the trader's webhook was issued with."""
    return ApiToken.objects.get(token_key=issued_with(trader))


def issued_with(trader: Trader) -> str:
    (listed,) = trader.get("/api/webhooks/")["results"]
    return str(listed["api_token_key"])


REVOCATIONS: dict[str, Any] = {
    "by the API": lambda trader, token: trader.client.delete(
        f"/api/tokens/{token.token_key}/"
    ),
    "in the admin": lambda trader, token: admin_client().post(
        reverse("admin:goals_apitoken_delete", args=[token.pk]), {"post": "yes"}
    ),
    "at a password change": lambda trader, token: revoke_tokens(trader.user),
    "in psql": lambda trader, token: execute("DELETE FROM api_tokens"),
}


def admin_client() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root", password=PASSWORD))
    return client


@pytest.mark.parametrize("how", REVOCATIONS)
def test_a_webhook_ends_with_the_token_that_issued_it(
    trader: Trader, issuer: ApiToken, how: str
) -> None:
    REVOCATIONS[how](trader, issuer)
    tell(trader, of_trade(1)[0], 404)
    assert not WebhookToken.objects.exists()


def test_a_webhook_works_no_longer_than_the_token_that_issued_it(
    trader: Trader, issuer: ApiToken
) -> None:
    issued = ApiToken.objects.filter(pk=issuer.pk)
    issued.update(expiry=timezone.now() + timedelta(days=1))
    tell(trader, of_trade(1)[0])
    issued.update(expiry=timezone.now() - timedelta(seconds=1))
    tell(trader, of_trade(1)[0], 404)


def test_a_token_revoked_meanwhile_issues_nothing(
    trader: Trader, issuer: ApiToken
) -> None:
    ApiToken.objects.all().delete()
    fields = body(user=trader.user, now=timezone.now())
    with pytest.raises(NotFound, match="has been revoked"):
        issue_webhook(**fields, api_token=issuer)
    assert not WebhookToken.objects.exists()


def test_a_token_revoked_during_the_request_answers_as_a_dead_one(
    trader: Trader, issuer: ApiToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    def revoke_first(request: Request) -> User:
        ApiToken.objects.all().delete()
        return signed_in(request)

    monkeypatch.setattr("trades.api.views.webhooks.signed_in", revoke_first)
    meanwhile = trader.client.post("/api/webhooks/", body(bot="two"))
    dead = trader.client.post("/api/webhooks/", body(bot="two"))
    assert read(meanwhile, 401) == read(dead, 401)
    assert meanwhile["WWW-Authenticate"] == dead["WWW-Authenticate"]


def test_a_webhook_issued_with_a_session_or_in_the_terminal_outlives_tokens(
    trader: Trader, capsys: pytest.CaptureFixture[str]
) -> None:
    browser = client_with()
    browser.force_login(trader.user)
    answer = read(browser.post("/api/webhooks/", body(bot="two")), 201)
    assert answer["api_token_key"] is None
    call_command(
        "issue_webhook",
        *("--user", trader.user.username, "--portfolio", "crypto"),
        *("--bot", "three", "--strategy", "momentum_001"),
    )
    revoke_tokens(trader.user)
    for hook in (answer["path"], capsys.readouterr().out.strip()):
        trader.ids["hook"] = hook
        tell(trader, of_trade(1)[0])


def test_a_deleted_strategy_takes_its_webhooks_along(trader: Trader) -> None:
    create_strategy(
        user=trader.user,
        strategy_id="short_lived",
        strategy_type="momentum",
        now=timezone.now(),
    )
    trader.post("/api/webhooks/", body(strategy_id="short_lived"), 201)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM strategy_instances WHERE strategy_id LIKE 'short%'")
    assert WebhookToken.objects.count() == 1


def test_a_webhook_can_be_issued_from_the_terminal(
    trader: Trader, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"user": trader.user.username, "portfolio": "crypto", "bot": "shell"}
    call_command("issue_webhook", **given, strategy="momentum_001")
    trader.ids["hook"] = capsys.readouterr().out.strip()
    tell(trader, of_trade(1)[0])
    assert Trade.objects.get().external_id == "freqtrade:shell:1"
    for wrong in ({"bot": "a b"}, {"strategy": "none"}, {"portfolio": "none"}):
        with pytest.raises(CommandError):
            call_command(
                "issue_webhook", **{**given, "strategy": "momentum_001", **wrong}
            )


def test_a_user_has_a_number_of_webhooks(trader: Trader, settings: Any) -> None:
    """Over all portfolios; API tokens are counted apart."""
    settings.TOKENS_PER_USER = 2
    trader.post("/api/webhooks/", body(portfolio="main"), 201)
    with nothing_changes():
        refused = trader.post("/api/webhooks/", body(), 409)
    assert refused["code"] == "too_many_tokens"
    assert "Revoke one that you no longer use" in refused["detail"]
    make_trader()
    trader.client.delete(trader.address("/api/webhooks/{webhook_id}/"))
    trader.post("/api/webhooks/", body(), 201)
