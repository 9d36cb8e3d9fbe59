"""The pages of limits and of resuming: what they say, and what they refuse."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django import forms
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from goals.admin.forms import ServiceForm
from goals.models import Portfolio, TradingHalt
from goals.services.resuming import halt_trading
from goals.tests.factories import GoalFactory, PortfolioFactory, UserFactory
from tests.examples import crossed
from trades.booking.mark import Mark, mark_positions
from trades.tests.factories import TradeFactory, book_profit

pytestmark = pytest.mark.django_db
FAR = date(2199, 12, 31)


def address_of(portfolio: Portfolio, page: str = "limits") -> str:
    return reverse(f"site:{page}", args=[portfolio.pk])


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
    assert answer.status_code == 200
    return answer.context["form"].errors


def text_of(client: Client, address: str) -> str:
    page = client.get(address).content.decode()
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


@pytest.fixture
def portfolio(client: Client) -> Portfolio:
    portfolio = PortfolioFactory()
    client.force_login(portfolio.user)
    return portfolio


def every_form() -> Iterator[type[ServiceForm[Any]]]:
    waiting: list[Any] = [ServiceForm]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if hasattr(kind, "base_fields"):
            yield kind


def test_every_decimal_of_a_form_has_its_digits_and_places() -> None:
    found = [
        (kind.__name__, name, field)
        for kind in every_form()
        for name, field in kind.base_fields.items()
        if isinstance(field, forms.DecimalField)
    ]
    assert len(found) > 10
    for kind, name, field in found:
        assert None not in (field.max_digits, field.decimal_places), (kind, name)


@crossed(
    "value, name",
    ["1e400", "-1e400", "1e26", "800.123456789", "sNaN"],
    ["start_equity", "peak_equity", "floor_equity"],
)
def test_a_figure_that_no_column_takes_is_refused(
    client: Client, name: str, value: str
) -> None:
    root = UserFactory(is_staff=True, is_superuser=True)
    client.force_login(root)
    portfolio = PortfolioFactory(user=root)
    admin = reverse("admin:goals_portfolio_change", args=[portfolio.pk])
    for address in (address_of(portfolio), admin):
        page = client.get(address)
        form = page.context.get("form") or page.context["adminform"].form
        body = {one: form[one].value() for one in form.fields}
        body = {one: sent for one, sent in body.items() if sent is not None}
        answer = client.post(address, {**body, name: value})
        assert answer.status_code == 200, (address, value)
    portfolio.refresh_from_db()
    assert not portfolio.limit_changes.exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_trades_per_day", "\uff11"),
        ("pause_after_losses", "1_0"),
        ("hard_drawdown_pct", "\uff12\uff10"),
        ("floor_equity", "8_00"),
    ],
)
def test_only_plain_digits_are_a_number(
    client: Client, portfolio: Portfolio, name: str, value: str
) -> None:
    assert set(errors_of(client, portfolio, **{name: value})) == {name}


def test_below_a_floor_the_page_says_by_how_much(
    client: Client, portfolio: Portfolio
) -> None:
    book_profit(portfolio, Decimal(-300))
    page = text_of(client, address_of(portfolio))
    reached = "reached: the floor is at 800 USDT , and the equity 100 USDT under it"
    assert f"Hard drawdown : {reached}" in page
    assert "0 USDT ( 0 % ) below" not in page


def test_a_change_that_measures_the_floor_anew_says_so(
    client: Client, portfolio: Portfolio
) -> None:
    book_profit(portfolio, Decimal(-150))
    form = client.get(address_of(portfolio)).context["form"]
    for name in ("drawdown_mode", "drawdown_of", "drawdown_locks_at", "floor_in"):
        assert "measures the floor anew" in form.fields[name].help_text, name
    assert "it stays where it is" not in form.fields["floor_equity"].help_text

    _, floor = save(client, portfolio, drawdown_mode="static")
    assert floor == (
        "The floor is now 680 USDT (was 800 USDT): it is measured from the present "
        "equity on."
    )
    _, floor = save(client, portfolio, hard_drawdown_pct="30")
    assert floor == (
        "The floor is now 595 USDT (was 680 USDT): the percentages changed."
    )
    _, floor = save(client, portfolio, floor_equity="700")
    assert "The floor is now 700 USDT (was 595 USDT): it is measured from what" in floor
    assert len(save(client, portfolio, max_trades_per_day="9")) == 1


def test_a_rule_that_is_turned_off_says_that_its_halt_stands(
    client: Client, portfolio: Portfolio
) -> None:
    save(client, portfolio, max_trades_per_day="1")
    book_profit(portfolio, Decimal(-1), at=timezone.now())
    until = TradingHalt.objects.get().halted_until
    assert until is not None
    _, halted = save(client, portfolio, max_trades_per_day="")
    assert "Halted by the limit of trades a day" in halted
    assert f"until {until:%Y-%m-%d %H:%M} UTC" in halted
    assert "does not end it: to go on, resume trading" in halted
    page = text_of(client, address_of(portfolio))
    assert "Halted by the limit of trades a day" in page
    assert "Relaxing one ends no halt" in page


def test_a_mark_that_waits_is_on_the_page(client: Client, portfolio: Portfolio) -> None:
    now = timezone.now()
    opened_at = now - timedelta(hours=1)
    TradeFactory(portfolio=portfolio, entry_time=opened_at, now=opened_at)
    mark_positions(user=portfolio.user, marks=[Mark("BTCUSDT", Decimal(1))], now=now)
    home = text_of(client, f"{reverse('site:home')}?portfolio={portfolio.pk}")
    assert " waiting " in home
    assert "Entries wait since" in text_of(client, address_of(portfolio))


def test_forms_name_fields_as_the_page_does(
    client: Client, portfolio: Portfolio
) -> None:
    wrong = errors_of(client, portfolio, soft_drawdown_pct="30", pause_minutes="5")
    (soft,), (pause,) = wrong["soft_drawdown_pct"], wrong["pause_minutes"]
    assert soft == (
        "30 must not be above “Hard drawdown in %”, 20: give “Soft drawdown in %” "
        "too, at most 20."
    )
    assert "“Pause after losses”" in pause
    wrong = errors_of(client, portfolio, floor_equity="700", peak_equity="1100")
    (both,) = wrong["floor_equity"]
    assert "“Floor today” follows from “Peak of the floor”" in both
    save(client, portfolio, drawdown_mode="static")
    wrong = errors_of(client, portfolio, start_equity="900", peak_equity="1000")
    assert not re.search(r"[a-z]_[a-z]", " ".join(wrong["floor_equity"]))


def test_the_day_s_start_is_changed_until_first_use(
    client: Client, portfolio: Portfolio
) -> None:
    save(client, portfolio, day_starts_at="17:00")
    portfolio.refresh_from_db()
    assert portfolio.day_starts_at.hour == 17
    GoalFactory(portfolio=portfolio)
    (refused,) = errors_of(client, portfolio, day_starts_at="18:00")["__all__"]
    assert "“Day starts at” cannot be changed" in refused
    save(client, portfolio, hard_drawdown_pct="30")


@pytest.mark.parametrize("is_hard", [False, True])
def test_a_resume_asks_for_the_floor_only_where_it_takes_it(
    client: Client, is_hard: bool
) -> None:
    root = UserFactory(is_staff=True, is_superuser=True)
    client.force_login(root)
    portfolio = PortfolioFactory(user=root)
    if is_hard:
        book_profit(portfolio, Decimal(-300))
    now = timezone.now()
    halt_trading(user=root, portfolio_id=portfolio.pk, reason="lunch", now=now)
    halt = TradingHalt.objects.latest("halt_id")
    admin = reverse("admin:goals_tradinghalt_change", args=[halt.pk])
    for address in (address_of(portfolio, "resume"), admin):
        page = client.get(address)
        assert page.status_code == 200
        assert ("floor_equity" in page.content.decode()) is is_hard, address
    client.post(address_of(portfolio, "resume"), {"reason": "", "floor_equity": "600"})
    portfolio.refresh_from_db()
    assert portfolio.trading_state == "active"
    assert portfolio.floor_peak_value == (Decimal("0.75") if is_hard else 1)


def test_every_limit_is_in_one_group_of_the_page(client: Client) -> None:
    portfolio = PortfolioFactory()
    client.force_login(portfolio.user)
    context = client.get(address_of(portfolio)).context
    shown = [field.name for _, fields in context["groups"] for field in fields]
    assert sorted(shown) == sorted(context["form"].fields)
    page = text_of(client, address_of(portfolio))
    for words in ("Limits of the drawdown", "Limits of the day", "Limits of sizes"):
        assert words in page
    for name in ("Start", "Peak"):
        assert re.search(rf"{name} of the floor In money[^.]*\. Now: 1000 USDT\.", page)


def test_a_days_start_that_stays_is_not_offered(client: Client) -> None:
    portfolio = PortfolioFactory()
    client.force_login(portfolio.user)
    opened = client.get(address_of(portfolio)).context["form"]["day_starts_at"]
    assert "readonly" not in str(opened)
    GoalFactory(portfolio=portfolio)
    used = client.get(address_of(portfolio)).context["form"]["day_starts_at"]
    assert "readonly" in str(used)
    assert used.help_text.endswith("The portfolio is used, so it stays.")


def test_resuming_says_what_ends_where_the_floor_is_and_will_be(client: Client) -> None:
    portfolio = PortfolioFactory(on_breach="fail")
    client.force_login(portfolio.user)
    GoalFactory(portfolio=portfolio, target_date=FAR)
    book_profit(portfolio, Decimal(-300))
    page = text_of(client, address_of(portfolio, "resume"))
    assert "Halted by the drawdown guard since" in page
    assert "equity 700 is at or below the floor of 800" in page
    assert "Hard drawdown : reached: the floor is at 800 USDT" in page
    assert "Default: measured from the present equity, at 560 USDT." in page
    assert "1 goal that failed stays failed." in page
    answer = client.post(address_of(portfolio, "resume"), {"floor_equity": "500"})
    (refused,) = answer.context["form"].errors["floor_equity"]
    assert "Give a “Floor from now on” of 560 or more" in refused
    client.post(address_of(portfolio, "resume"), {"floor_equity": "560"})
    portfolio.refresh_from_db()
    assert portfolio.trading_state == "active"


@pytest.mark.parametrize(
    ("sent", "peak"),
    [
        ({}, None),
        ({"from_present": "on", "floor_equity": "600"}, None),
        ({"from_present": "on"}, "0.7"),
        ({"floor_equity": "600"}, "0.75"),
    ],
    ids=str,
)
@pytest.mark.parametrize("place", ["site", "admin"])
def test_where_a_static_floor_goes_is_said_by_who_resumes(
    client: Client, place: str, sent: dict[str, str], peak: str | None
) -> None:
    root = UserFactory(is_staff=True, is_superuser=True)
    client.force_login(root)
    portfolio = PortfolioFactory(user=root, drawdown_mode="static")
    book_profit(portfolio, Decimal(-300))
    address = address_of(portfolio, "resume")
    if place == "admin":
        halt = TradingHalt.objects.latest("halt_id")
        address = reverse("admin:goals_tradinghalt_change", args=[halt.pk])
    assert "The floor is at 560 USDT then." in text_of(client, address)
    answer = client.post(address, {"reason": "", **sent})
    portfolio.refresh_from_db()
    if peak is None:
        assert "one of the two" in answer.content.decode()
        assert portfolio.trading_state == "halted"
    else:
        assert portfolio.floor_peak_value == Decimal(peak)
        assert portfolio.trading_state == "active"
