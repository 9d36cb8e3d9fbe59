"""Portfolios and limits on the site: words, money, presets, and what is refused."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags

from goals.enums import PortfolioKind
from goals.models import Portfolio, TradingHalt, User
from goals.projection.presets import PRESETS, find_preset
from goals.services.portfolio_settings import WORDS as WORDS_OF_SETTINGS
from goals.tests.factories import GoalFactory, PortfolioFactory, UserFactory
from mastertrade.site.limit_words import (
    BASICS,
    CHOICES,
    IN_A_DAY,
    IN_A_TRADE,
    IN_ALL,
    OF_THE_FLOOR,
    WORDS,
)
from trades.booking.mark import Mark, mark_positions
from trades.tests.factories import TradeFactory, book_profit

pytestmark = pytest.mark.django_db
FAR = date(2199, 12, 31)
LIST, NEW = reverse("site:portfolios"), reverse("site:portfolio-new")


def address_of(portfolio: Portfolio) -> str:
    return reverse("site:portfolio", args=[portfolio.pk])


def preview_of(portfolio: Portfolio) -> str:
    return reverse("site:limits-in-money", args=[portfolio.pk])


def form_of(client: Client, address: str) -> dict[str, Any]:
    """What a browser would send unchanged."""
    form = client.get(address).context["form"]
    values = {name: form[name].value() for name in form.fields}
    return {name: value for name, value in values.items() if value is not None}


def save(client: Client, portfolio: Portfolio, **changes: str) -> list[str]:
    """The messages of a change on the site, which must be accepted."""
    address = address_of(portfolio)
    answer = client.post(address, {**form_of(client, address), **changes})
    assert answer.status_code == 302, answer.context["form"].errors
    return [str(one) for one in get_messages(answer.wsgi_request)]


def errors_of(client: Client, portfolio: Portfolio, **changes: str) -> Any:
    address = address_of(portfolio)
    answer = client.post(address, {**form_of(client, address), **changes})
    assert answer.status_code == 422
    return answer.context["form"].errors


def text_of(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


@pytest.fixture
def portfolio(client: Client) -> Portfolio:
    portfolio = PortfolioFactory()
    client.force_login(portfolio.user)
    return portfolio


def test_every_field_has_words_and_one_place(
    client: Client, portfolio: Portfolio
) -> None:
    parts = (*BASICS, *IN_ALL, *IN_A_DAY, *IN_A_TRADE, *OF_THE_FLOOR)
    assert len(parts) == len(set(parts))
    assert {*parts} == {*WORDS}
    context = client.get(address_of(portfolio)).context
    shown = [*context["basics"], *context["of_the_floor"]]
    shown += [one for _, fields in context["groups"] for one in fields]
    assert sorted(one.name for one in shown) == sorted(context["form"].fields)


def test_every_word_of_a_field_is_said_in_words() -> None:
    kinds = {**WORDS_OF_SETTINGS}
    assert {name: {*words} for name, words in CHOICES.items()} == {
        name: {str(word) for word in kind} for name, kind in kinds.items()
    }


def test_each_limit_is_in_money_with_losing_trades(
    client: Client, portfolio: Portfolio
) -> None:
    start = timezone.now() - timedelta(days=20)
    for number in range(12):
        at = start + number * timedelta(hours=9)
        book_profit(portfolio, Decimal(9 if number % 3 else -6), at=at)
    save(
        client,
        portfolio,
        daily_loss_limit_pct="4",
        headroom_share_pct="50",
        max_position_pct="25",
        max_trades_per_day="5",
    )
    page = text_of(client.get(address_of(portfolio)))
    # 1,000 with 8 profits of 9 and 4 losses of 6; the last was a profit.
    assert "Trading stops at 838.40 USDT 209.60 USDT left ( 20 % )" in (
        page.replace("(20 %)", "( 20 % )")
    )
    assert re.search(r"left \(20 %\), [\d.]+ average losing trades", page)
    assert "The day ends at 1,006.08 USDT 41.92 USDT left (4 %)" in page
    assert "One trade may lose 20.96 USDT" in page
    assert "One symbol may hold 262.00 USDT" in page
    assert "Trades in a day 5 5 left today" in page


def test_the_preview_shows_what_the_form_would_do_and_does_nothing(
    client: Client, portfolio: Portfolio
) -> None:
    body = form_of(client, address_of(portfolio))
    answer = client.post(preview_of(portfolio), {**body, "hard_drawdown_pct": "15"})
    assert answer.status_code == 200
    page = text_of(answer)
    assert "if you saved them now" in page
    assert "Trading stops at 850.00 USDT" in page
    assert "<html" not in answer.content.decode()
    portfolio.refresh_from_db()
    assert portfolio.hard_drawdown_pct == 20
    assert not portfolio.limit_changes.exists()
    same = client.post(preview_of(portfolio), body)
    assert "In money, now" in text_of(same)


def test_the_preview_says_that_saving_would_halt(
    client: Client, portfolio: Portfolio
) -> None:
    book_profit(portfolio, Decimal(-150))
    body = form_of(client, address_of(portfolio))
    tight = {**body, "hard_drawdown_pct": "12", "soft_drawdown_pct": "12"}
    page = text_of(client.post(preview_of(portfolio), tight))
    assert "reached" in page
    assert "Halted by the hard floor" in page
    assert not TradingHalt.objects.exists()


def test_the_preview_says_what_is_not_possible(
    client: Client, portfolio: Portfolio
) -> None:
    body = form_of(client, address_of(portfolio))
    answer = client.post(preview_of(portfolio), {**body, "hard_drawdown_pct": "5"})
    assert answer.status_code == 422
    assert "These limits are not possible" in text_of(answer)
    assert "Trade no larger from a loss of (%):" in text_of(answer)


def test_the_page_shows_floors_while_the_record_is_behind(
    client: Client, portfolio: Portfolio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trades.sizing_calls.records.MOST_AT_ONCE", 3)
    for _ in range(6):
        book_profit(portfolio, Decimal(-4))
    page = text_of(client.get(address_of(portfolio)))
    assert "Trading stops at 800.00 USDT" in page
    assert "losing trades" not in page.split("In money, now")[1].split("A limit")[0]


def test_below_a_floor_the_page_says_by_how_much(
    client: Client, portfolio: Portfolio
) -> None:
    book_profit(portfolio, Decimal(-300))
    page = text_of(client.get(address_of(portfolio)))
    assert "Trading stops at 800.00 USDT reached, 100.00 USDT below" in page


def test_a_change_that_measures_the_floor_anew_says_so(
    client: Client, portfolio: Portfolio
) -> None:
    book_profit(portfolio, Decimal(-150))
    form = client.get(address_of(portfolio)).context["form"]
    for name in ("drawdown_mode", "drawdown_of", "drawdown_locks_at", "floor_in"):
        assert "measures the floor anew" in form.fields[name].help_text, name
    _, floor = save(client, portfolio, drawdown_mode="static")
    assert strip_tags(floor) == (
        "The floor is now 680.00 USDT (was 800.00 USDT): it is measured from the "
        "present equity on."
    )
    _, floor = save(client, portfolio, hard_drawdown_pct="30")
    assert strip_tags(floor) == (
        "The floor is now 595.00 USDT (was 680.00 USDT): the percentages changed."
    )
    _, floor = save(client, portfolio, floor_equity="700")
    assert (
        "The floor is now 700.00 USDT (was 595.00 USDT): it is measured from what"
        in strip_tags(floor)
    )
    assert len(save(client, portfolio, max_trades_per_day="9")) == 1


def test_a_rule_that_is_turned_off_says_that_its_halt_stands(
    client: Client, portfolio: Portfolio
) -> None:
    save(client, portfolio, max_trades_per_day="1")
    book_profit(portfolio, Decimal(-1), at=timezone.now())
    _, halted = save(client, portfolio, max_trades_per_day="")
    assert "Halted by the limit of trades a day" in halted
    assert "does not end it: to go on, resume trading" in halted
    assert "Halted by the limit of trades a day" in text_of(
        client.get(address_of(portfolio))
    )


def test_old_marks_are_named(client: Client, portfolio: Portfolio) -> None:
    now = timezone.now()
    opened_at = now - timedelta(hours=1)
    TradeFactory(portfolio=portfolio, entry_time=opened_at, now=opened_at)
    at = now - timedelta(minutes=30)
    mark_positions(
        user=portfolio.user, marks=[Mark("BTCUSDT", Decimal(50000), at)], now=at
    )
    page = text_of(client.get(address_of(portfolio)))
    assert "older than 15 minutes" in page


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_trades_per_day", "\uff11"),
        ("pause_after_losses", "1_0"),
        ("hard_drawdown_pct", "\uff12\uff10"),
        ("floor_equity", "8_00"),
        ("start_equity", "1e400"),
        ("peak_equity", "800.123456789"),
        ("floor_equity", "sNaN"),
    ],
)
def test_only_plain_digits_that_a_column_takes_are_a_number(
    client: Client, portfolio: Portfolio, name: str, value: str
) -> None:
    assert set(errors_of(client, portfolio, **{name: value})) == {name}
    assert not portfolio.limit_changes.exists()


def test_every_mistake_shows_at_once_in_the_page_s_words(
    client: Client, portfolio: Portfolio
) -> None:
    wrong = {
        "soft_drawdown_pct": "30",
        "pause_minutes": "5",
        "drawdown_locks_at": "0",
        "max_position_pct": "many",
    }
    errors = errors_of(client, portfolio, **wrong)
    assert set(errors) == set(wrong)
    (soft,) = errors["soft_drawdown_pct"]
    assert "must not be above “Stop trading at a loss of (%)”, 20" in soft
    words = [one for messages in errors.values() for one in messages]
    assert not re.search(r"[a-z]_[a-z]", " ".join(words))
    portfolio.refresh_from_db()
    assert portfolio.soft_drawdown_pct == 10


def test_what_figures_rest_on_is_changed_until_first_use(
    client: Client, portfolio: Portfolio
) -> None:
    save(client, portfolio, day_starts_at="17:00", currency="EUR", name="new name")
    portfolio.refresh_from_db()
    assert (portfolio.day_starts_at.hour, portfolio.currency) == (17, "EUR")
    assert portfolio.name == "new name"
    GoalFactory(portfolio=portfolio)
    form = client.get(address_of(portfolio)).context["form"]
    frozen = {"currency", "time_zone", "opening_balance", "day_starts_at"}
    assert not frozen & {*form.fields}
    save(client, portfolio, hard_drawdown_pct="30", currency="USD")
    portfolio.refresh_from_db()
    assert portfolio.currency == "EUR"


def test_main_keeps_its_name(client: Client) -> None:
    user = UserFactory()
    client.force_login(user)
    main = user.portfolios.get()
    page = client.get(address_of(main))
    assert "name" not in page.context["form"].fields
    assert "There is no floor until a deposit" in text_of(page)


def test_the_next_phase_is_one_of_one_s_own_fresh_portfolios(
    client: Client, portfolio: Portfolio
) -> None:
    assert "successor" not in client.get(address_of(portfolio)).context["form"].fields
    later = PortfolioFactory(
        user=portfolio.user, name="step 2", opening_balance=Decimal(0)
    )
    theirs = PortfolioFactory(name="theirs")
    page = client.get(address_of(portfolio)).content.decode()
    assert "step 2" in page
    assert "theirs" not in page
    assert set(errors_of(client, portfolio, successor=str(theirs.pk))) == {"successor"}
    save(client, portfolio, successor=str(later.pk))
    portfolio.refresh_from_db()
    assert portfolio.successor_id == later.pk
    assert "Next phase: step 2" in text_of(client.get(address_of(portfolio)))
    assert f"Phase before: {portfolio.name}" in text_of(client.get(address_of(later)))


# New ones, and presets


def test_a_portfolio_is_made_with_its_limits(client: Client) -> None:
    user = UserFactory()
    client.force_login(user)
    body = {
        **form_of(client, NEW),
        "name": "crypto",
        "currency": "USDT",
        "time_zone": "Europe/Vienna",
        "opening_balance": "2500",
        "hard_drawdown_pct": "12",
        "soft_drawdown_pct": "6",
        "daily_loss_limit_pct": "3",
    }
    answer = client.post(NEW, body)
    made = Portfolio.objects.get(user=user, name="crypto")
    assert answer["Location"] == address_of(made)
    assert (made.equity, made.currency, made.time_zone) == (
        2500,
        "USDT",
        "Europe/Vienna",
    )
    assert (made.hard_drawdown_pct, made.daily_loss_limit_pct) == (12, 3)
    again = client.post(NEW, body)
    assert again.status_code == 422
    assert set(again.context["form"].errors) == {"name"}
    wrong = {**body, "name": "x", "time_zone": "Vienna", "soft_drawdown_pct": "20"}
    refused = client.post(NEW, wrong)
    assert set(refused.context["form"].errors) == {"time_zone", "soft_drawdown_pct"}


@pytest.mark.parametrize("key", PRESETS)
def test_a_firm_s_rules_are_explained_with_source_and_day(
    client: Client, key: str
) -> None:
    client.force_login(UserFactory())
    preset = find_preset(key)
    assert preset.name in text_of(client.get(LIST))
    page = text_of(client.get(f"{NEW}?preset={key}"))
    assert preset.source in page
    assert f"read on {preset.read_on:%-d %B %Y}" in page
    assert "The firm&#x27;s page is authoritative" in page
    assert f"Trading stops at a loss of {preset.limits.hard_drawdown_pct:f} %" in page
    for one in preset.phases:
        assert f"{one.name}: reach" in page
    assert Portfolio.objects.count() == 1


def test_a_challenge_is_made_from_a_preset(client: Client) -> None:
    user = UserFactory()
    client.force_login(user)
    address = f"{NEW}?preset=ftmo-2-step-100k"
    body = {"name": "ftmo", "phase": "2", "opening_balance": "50000"}
    assert client.post(address, {**body, "phase": "3"}).status_code == 422
    assert client.post(address, {**body, "name": "main"}).status_code == 422
    refused = client.post(address, {**body, "opening_balance": "-5"})
    errors = refused.context["form"].errors
    assert errors == {"opening_balance": ["Must not be negative."]}
    client.post(address, body)
    made = Portfolio.objects.get(user=user, name="ftmo")
    assert (made.equity, made.drawdown_mode, made.on_breach) == (
        50000,
        "static",
        "fail",
    )
    assert made.goals.get().target_value == 5


def test_a_firm_s_limits_are_filled_in_and_saved_by_the_form_alone(
    client: Client, portfolio: Portfolio
) -> None:
    address = address_of(portfolio)
    filled = client.get(f"{address}?preset=ftmo-2-step-100k")
    assert "Not saved yet." in text_of(filled)
    form = filled.context["form"]
    values = {name: form[name].value() for name in form.fields}
    body = {name: value for name, value in values.items() if value is not None}
    portfolio.refresh_from_db()
    assert portfolio.hard_drawdown_pct == 20
    assert 'hx-trigger="load, change' in filled.content.decode()
    assert client.post(address, body).status_code == 302
    portfolio.refresh_from_db()
    assert portfolio.limits == find_preset("ftmo-2-step-100k").limits


def test_there_is_no_page_for_an_unknown_preset(
    client: Client, portfolio: Portfolio
) -> None:
    for address in (NEW, address_of(portfolio)):
        assert client.get(f"{address}?preset=../x").status_code == 404


# Whose, and how much it costs


def test_a_live_portfolio_stays_and_a_demo_is_deleted(
    client: Client, portfolio: Portfolio
) -> None:
    demo = PortfolioFactory(user=portfolio.user, kind=PortfolioKind.DEMO, name="demo")
    page = client.get(address_of(portfolio)).content.decode()
    assert "is a record and stays" in page
    address = reverse("site:portfolio-delete", args=[portfolio.pk])
    assert client.get(address).status_code == 405
    client.post(address)
    assert Portfolio.objects.filter(pk=portfolio.pk).exists()
    assert "Delete this simulation?" in client.get(address_of(demo)).content.decode()
    client.post(reverse("site:portfolio-delete", args=[demo.pk]))
    assert not Portfolio.objects.filter(pk=demo.pk).exists()


def addresses(portfolio: Portfolio) -> Iterator[str]:
    for name in ("portfolio", "limits-in-money", "portfolio-delete"):
        yield reverse(f"site:{name}", args=[portfolio.pk])


def test_another_user_s_portfolio_is_not_found(
    client: Client, portfolio: Portfolio
) -> None:
    theirs = PortfolioFactory(name="theirs", kind=PortfolioKind.DEMO)
    body = form_of(client, address_of(portfolio))
    for address in addresses(theirs):
        assert client.get(address).status_code in {404, 405}
        assert client.post(address, body).status_code == 404
    assert "theirs" not in client.get(LIST).content.decode()
    theirs.refresh_from_db()


def test_the_forms_need_the_page_s_own_token(portfolio: Portfolio) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(portfolio.user)
    for address in (NEW, *addresses(portfolio)):
        assert strict.post(address, {}).status_code == 403


def test_strangers_are_asked_to_sign_in(portfolio: Portfolio) -> None:
    for address in (LIST, NEW, address_of(portfolio)):
        assert Client().get(address)["Location"].startswith("/login/")


def count_statements(client: Client, address: str) -> int:
    client.get(address)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200
    return len(queries)


def test_the_pages_have_a_constant_number_of_statements(
    client: Client, portfolio: Portfolio
) -> None:
    pages = (LIST, NEW, address_of(portfolio))
    book_profit(portfolio, Decimal(-4))
    PortfolioFactory(user=portfolio.user)
    few = [count_statements(client, one) for one in pages]
    for _ in range(4):
        PortfolioFactory(user=portfolio.user)
        book_profit(portfolio, Decimal(-4))
    assert [count_statements(client, one) for one in pages] == few


def test_the_old_address_of_the_limits_leads_here(
    client: Client, portfolio: Portfolio
) -> None:
    answer = client.get(f"/portfolios/{portfolio.pk}/limits/")
    assert answer["Location"] == address_of(portfolio)


def test_a_user_without_portfolios_of_their_own_has_main(client: Client) -> None:
    user: User = UserFactory()
    client.force_login(user)
    assert "main" in text_of(client.get(LIST))
