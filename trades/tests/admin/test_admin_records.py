"""Growth records and finished replays, as the admin shows them."""

import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from goals.enums import GoalType
from goals.tests.factories import START, PortfolioFactory, UserFactory
from tests.admin_pages import text_of
from trades.models import GrowthRecord
from trades.replay.options import ReplaySettings
from trades.services.replay import ReplayQuestion, run_replay
from trades.tests.prices import wander

pytestmark = pytest.mark.django_db


def test_a_growth_record_is_shown_in_percent_of_equity(operator: Client):
    record = GrowthRecord.objects.create(
        portfolio=PortfolioFactory(),
        strategy_id="",
        exit_time=START,
        ledger_key=0,
        equity=Decimal(1000),
        trades=4,
        sum_growth=Decimal("0.04"),
        sum_squares=Decimal("0.01"),
        sum_cubes=Decimal(0),
        wins=2,
        sum_wins=Decimal("0.06"),
        losses=2,
        sum_losses=Decimal("-0.02"),
        best_growth=Decimal("0.05"),
        worst_growth=Decimal("-0.0123456"),
    )

    page = text_of(operator, "trades_growthrecord_change", record.pk)

    assert "all strategies" in page
    assert "2 of 4" in page
    assert "Best trade: 5 %" in page
    assert "Worst trade: -1.23 %" in page
    assert "1 %" in text_of(operator, "trades_growthrecord_changelist")


def test_a_replay_says_what_the_policy_did_and_every_halt(operator: Client):
    run = run_replay(
        user=UserFactory(),
        question=ReplayQuestion(
            GoalType.MONTHLY_RETURN,
            Decimal(3),
            settings=ReplaySettings(base_size_pct=Decimal(400), resume_after_days=30),
        ),
        series=wander(150),
        now=datetime(2026, 3, 2, tzinfo=UTC),
    )

    page = text_of(operator, "trades_replayrun_change", run.pk)

    assert "at its hard drawdown (" in page
    assert "resumed by hand after 30 days" in page
    assert "3 % return per month" in text_of(operator, "trades_replayrun_changelist")


def test_a_portfolio_s_page_says_where_its_floors_are(operator: Client) -> None:
    portfolio = PortfolioFactory(daily_loss_limit_pct=Decimal(4))
    address = reverse("admin:goals_portfolio_change", args=[portfolio.pk])
    pages = operator.get(address).context["section_pages"]
    assert pages[0].section.title == "Floors now"
    rows = [
        [re.sub("<[^>]+>", "", str(cell)) for _, cell in row] for row in pages[0].rows
    ]
    assert rows == [
        ["soft drawdown", "900 USDT", "100 USDT", "10 %", "—", "live"],
        ["hard drawdown", "800 USDT", "200 USDT", "20 %", "—", "live"],
        ["daily loss", "960 USDT", "40 USDT", "4 %", "—", "live"],
    ]
