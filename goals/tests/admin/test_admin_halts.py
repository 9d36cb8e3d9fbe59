"""Halts, solved tables and probabilities, as the admin shows them."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from goals.enums import DrawdownMode, HaltCause, TradingState
from goals.models import FinancialGoal, PolicyTable, Portfolio, TradingHalt, User
from goals.services.halts import withdraw
from goals.services.resuming import halt_trading, resume_trading
from goals.tests.factories import START, GoalFactory, PortfolioFactory
from tests.admin_pages import text_of
from trades.tests.factories import book_profit

pytestmark = pytest.mark.django_db


def test_a_halt_says_who_when_why_and_how_it_went_on(operator: Client):
    portfolio = PortfolioFactory(now=START)
    halt_trading(
        user=portfolio.user, portfolio_id=portfolio.pk, reason="gone sailing", now=START
    )
    resume_trading(
        user=portfolio.user, portfolio_id=portfolio.pk, reason="back", now=START
    )
    halt = TradingHalt.objects.get()

    for page in (
        text_of(operator, "goals_tradinghalt_changelist"),
        text_of(operator, "goals_tradinghalt_change", halt.pk),
    ):
        assert "gone sailing" in page
        assert "ended" in page
        assert "person" in page


def test_the_figures_at_a_halt_have_their_units(operator: Client):
    portfolio = PortfolioFactory(now=START)
    book_profit(portfolio, Decimal(-300))

    halt = TradingHalt.objects.get()
    page = text_of(operator, "goals_tradinghalt_change", halt.pk)

    assert "Drawdown at the halt: 30 %" in page
    assert f"Equity at the halt: 700 {portfolio.currency}" in page
    assert "Halted by: the drawdown guard" in page


def test_a_day_s_halt_is_over_when_its_day_is(operator: Client):
    halt = TradingHalt(
        portfolio=PortfolioFactory(now=START),
        cause=HaltCause.DAILY_LOSS,
        halted_at=START,
        halted_until=START + timedelta(hours=3),
        reason="a bad day",
        figures={"daily_loss_pct": "5.000000"},
    )
    halt.save()

    assert "ended" in text_of(operator, "goals_tradinghalt_changelist")


def test_a_halted_portfolio_s_page_says_why_and_how_to_resume(operator: Client):
    portfolio = PortfolioFactory(now=START)
    book_profit(portfolio, Decimal(-300))

    page = text_of(operator, "goals_portfolio_change", portfolio.pk)

    assert "Halted by the drawdown guard since" in page
    assert "Resume it with “Resume trading” on this page" in page
    listed = operator.get(
        reverse("admin:goals_portfolio_changelist"), {"portfolio_id": portfolio.pk}
    )
    assert portfolio.name in listed.content.decode()


def test_a_day_s_halt_s_page_says_that_it_ends_by_itself(operator: Client):
    portfolio = PortfolioFactory(now=START)
    now = timezone.now()
    TradingHalt.objects.create(
        portfolio=portfolio,
        cause=HaltCause.TRADES_PER_DAY,
        halted_at=now - timedelta(minutes=1),
        halted_until=now + timedelta(hours=3),
        reason="3 trades today",
        figures={},
    )
    page = text_of(operator, "goals_portfolio_change", portfolio.pk)
    assert "Entries go on by themselves then. To resume them before, use" in page
    assert "Resume it with" not in page


def test_an_active_portfolio_s_page_says_nothing_of_resuming(operator: Client):
    page = text_of(operator, "goals_portfolio_change", PortfolioFactory(now=START).pk)
    assert "Resume it with “Resume trading” on this page" not in page


def test_a_goal_s_page_and_list_show_its_probability_with_its_band(operator: Client):
    now = timezone.now()
    goal = GoalFactory(start_date=now.date(), as_of=now)
    FinancialGoal.objects.filter(pk=goal.pk).update(
        probability=Decimal("0.41267"),
        probability_low=Decimal("0.2"),
        probability_high=Decimal("0.7"),
        projected_trades=60,
        projected_at=START,
    )

    for page in (
        text_of(operator, "goals_financialgoal_changelist"),
        text_of(operator, "goals_financialgoal_change", goal.pk),
    ):
        assert "41.3 % low confidence 20 % to 70 % , from 60 trades" in page


def test_a_solved_table_is_said_in_units_not_in_raw_json(operator: Client):
    table = PolicyTable.objects.create(
        table_hash="ab" * 32,
        question="q",
        version="deadline-1",
        inputs={
            "growths": [-0.0123, 0.02],
            "probabilities": [0.5, 0.5],
            "trades_left": 40,
            "goal_return": 0.05,
            "stop_loss": 0.2,
            "stop_penalty": 1.0,
            "factors": [0.5, 1.3],
            "nodes": 400,
        },
        factors=b"",
        created_at=START,
    )

    page = text_of(operator, "goals_policytable_change", table.pk)

    assert "Goal, as a return: 5 %" in page
    assert "Stop, as a loss: 20 %" in page
    assert "2 from 0.5 to 1.3" in page
    assert "2, from -1.23 % to 2 %" in page
    assert "abababababab 40" not in page
    assert "abababababab" in text_of(operator, "goals_policytable_changelist")


def test_the_list_of_portfolios_is_filtered_by_the_clock(operator: Client):
    """A day's halt that is over still stands in the column, not in the list."""
    portfolio = PortfolioFactory(name="over", now=START)
    TradingHalt(
        portfolio=portfolio,
        cause=HaltCause.DAILY_LOSS,
        halted_at=START,
        halted_until=START + timedelta(hours=3),
        reason="a bad day",
        figures={"daily_loss_pct": "5.000000"},
    ).save()
    Portfolio.objects.update(trading_state=TradingState.HALTED)
    address = reverse("admin:goals_portfolio_changelist")
    halted = operator.get(address, {"trading_state": "halted"}).content.decode()
    active = operator.get(address, {"trading_state": "active"}).content.decode()
    assert ">over<" not in halted
    assert ">over<" in active


def test_the_form_to_resume_takes_the_floor_from_now_on(operator: Client):
    portfolio = PortfolioFactory(now=START, drawdown_mode=DrawdownMode.STATIC)
    book_profit(portfolio, Decimal(-300))
    halt = TradingHalt.objects.get()
    page = reverse("admin:goals_tradinghalt_change", args=[halt.pk])

    too_high = operator.post(page, {"reason": "", "floor_equity": "700"})
    assert "not below the present equity of 700" in too_high.content.decode()
    assert TradingHalt.objects.get().resumed_at is None

    operator.post(page, {"reason": "smaller sizes", "floor_equity": "600"})
    assert TradingHalt.objects.get().resume_reason == "smaller sizes"
    portfolio.refresh_from_db()
    assert portfolio.floor_peak_value == Decimal("0.75")  # 600 is 20 % below 750


def test_the_form_to_resume_takes_start_and_peak_too(operator: Client):
    portfolio = PortfolioFactory(now=START)
    book_profit(portfolio, Decimal(-300))
    halt = TradingHalt.objects.get()
    page = reverse("admin:goals_tradinghalt_change", args=[halt.pk])
    operator.post(page, {"start_equity": "720", "peak_equity": "750"})
    portfolio.refresh_from_db()
    values = (portfolio.floor_start_value, portfolio.floor_peak_value)
    assert values == (Decimal("0.72"), Decimal("0.75"))


def test_a_withdrawn_halt_says_so_and_cannot_be_resumed(operator: Client):
    book_profit(PortfolioFactory(now=START), Decimal(-300))
    halt = TradingHalt.objects.get()
    withdraw(halt, timezone.now(), "Trade 7 was voided: twice")

    page = text_of(operator, "goals_tradinghalt_change", halt.pk)
    assert "Trade 7 was voided: twice" in page
    assert "withdrawn" in text_of(operator, "goals_tradinghalt_changelist")
    assert "Resume trading" not in page


def test_pages_say_that_entries_wait_for_a_second_mark(operator: Client):
    portfolio = PortfolioFactory(user=User.objects.get(username="operator"), now=START)
    Portfolio.objects.filter(pk=portfolio.pk).update(suspected_at=START)

    expected = "Entries wait since 2026-03-01 00:00:00 UTC: one mark"
    assert expected in text_of(operator, "goals_portfolio_change", portfolio.pk)
    assert "Entries wait since" in operator.get("/").content.decode()
