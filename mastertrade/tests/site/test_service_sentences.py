"""Sentences of the services on a page: every figure of them in a person's form."""

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags
from django.utils.safestring import SafeString
from hypothesis import given

from goals.decisions.arbitration import arbitrate
from goals.decisions.guards.base import Exposure, Halt, OpenRisk, SizingInputs
from goals.decisions.limits import Limits
from goals.decisions.policies import PolicyName
from goals.decisions.progress import describe_band
from goals.decisions.sizing import decide_size
from goals.enums import HaltCause, NumberFormat, ProgressBand
from goals.models import GoalAdjustmentLog, GoalAlert, TradingHalt, User
from goals.services.decision_log import explain
from goals.tests.decisions.test_arbitration import goal_state
from goals.tests.decisions.test_day_rules import risk
from goals.tests.decisions.test_guards_trading import record_of_insurance
from goals.tests.decisions.test_headroom import FLOORS, LOSING, STOP, ask
from goals.tests.decisions.test_sizing import CALM, exposures, goals, requests
from goals.tests.factories import GoalFactory, PortfolioFactory
from mastertrade.site.figures import MINUS, number_format, show
from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.in_text import (
    Text,
    amount,
    call,
    goal,
    instant,
    money,
    name,
    percent,
    say,
)
from mastertrade.values.jsonable import to_plain
from mastertrade.values.validation import require_not_future
from strategies.decisions.selection import select_strategy
from strategies.tests.decisions.test_selection import candidate
from strategies.tests.factories import StrategyFactory
from trades.sizing_calls.decide import plan_next_trade, size_for_goal
from trades.sizing_calls.decide import select_strategy as service_select
from trades.tests.factories import book_profit

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=3)
FAR = datetime(2199, 12, 31, tzinfo=UTC).date()
# A figure with a fraction or of thousands, a time, a name of the API, a call.
BARE = re.compile(r"\d[.,]\d|\d{4}|\d\d:\d\d|[a-z]_[a-z]|/api/")
BANDS = [band.replace("_", " ") for band in ProgressBand]
HALT = Halt(
    cause=HaltCause.HARD_DRAWDOWN,
    since=NOW,
    until=None,
    reason="equity 7999.5 is too low",
    marks=say("equity {}", money(Decimal("7999.5"), "USD")).marks,
)
FALLEN = replace(FLOORS, closed=Decimal("0.85"), live=Decimal("0.85"), currency="USD")
DAILY = replace(FLOORS, daily=Decimal("0.95"), hard=Decimal("0.5"), live=Decimal("0.9"))
RISKED = OpenRisk(Decimal("12.5"), Decimal("12.5"))
HELD = Exposure(Decimal("12345.6789"), Decimal("25.5"), Decimal(1000), currency="USD")
OLD = replace(HELD, oldest_mark_seconds=90_000, open_notional=Decimal(0))


def sizing(**changes: Any) -> SizingInputs:
    risk_state = replace(CALM, floors=FLOORS, record=LOSING)
    exposure = changes.pop("exposure", replace(HELD, open_notional=Decimal(0)))
    inputs = replace(ask(share=None, progress="12.5"), exposure=exposure)
    return replace(inputs, risk_state=replace(risk_state, **changes))


def day(figures: dict[str, Any], **limits: Any) -> SizingInputs:
    return sizing(day=risk(figures).day, limits=Limits(**limits))


DECISIONS = {
    "soft": sizing(drawdown_pct=Decimal("12.3456")),
    "halted": sizing(halt=HALT),
    "halted for a while": sizing(halt=replace(HALT, until=LATER)),
    "hard floor": sizing(floors=FALLEN),
    "waits for a mark": sizing(floors=FALLEN, suspected_at=NOW),
    "daily floor": sizing(
        floors=DAILY,
        day=risk().day,
        daily_loss_pct=Decimal("10.25"),
        daily_loss_limit_pct=Decimal("5.5"),
    ),
    "profit lock": day(
        {"high_closed": Decimal("1.0625"), "resumed_at": NOW},
        daily_profit_lock_pct=Decimal("2.5"),
    ),
    "trades": day({"trades": 7}, max_trades_per_day=7),
    "losses": day(
        {"losses_in_a_row": 3, "last_loss_at": NOW}, pause_after_losses=Decimal(3)
    ),
    "skewed": sizing(record=record_of_insurance(losses=4)),
    "headroom by the stop": ask(open_risk=RISKED, base_size=Decimal(99_999), **STOP),
    "headroom by the record": ask(record=LOSING, base_size=Decimal(99_999)),
    "position": sizing(exposure=HELD),
    "old marks": sizing(exposure=OLD),
}


def sentences(inputs: SizingInputs) -> Iterator[Text]:
    decision = decide_size(inputs)
    yield decision.reason
    yield from (guard.reason for guard in decision.guards)
    yield from (warning.message for warning in decision.warnings)


def unmarked(text: Text) -> str:
    """What stays as it is on a page."""
    left, at = "", 0
    for mark in text.marks:
        left, at = f"{left}{text[at : mark.start]}#", mark.end
    return left + text[at:]


def shown(text: str, **how: Any) -> str:
    said = html.unescape(strip_tags(show(text, NOW, **how)))
    return said.replace("\N{NO-BREAK SPACE}", " ")


# The text and its marks


def test_a_figure_is_in_the_form_zone_and_title_of_the_person() -> None:
    text = say(
        "{} fell by {} to {} at {}, {} is {}{}.",
        goal(12),
        percent(Decimal("-1234.5")),
        money(Decimal("9499.999"), "USD", Decimal(9500)),
        instant(NOW),
        name("daily_loss_limit_pct"),
        amount(Decimal(5), "JPY"),
        call(", send POST /api/x/"),
    )
    token = number_format.set(NumberFormat.COMMA)
    try:
        with timezone.override(ZoneInfo("Asia/Tokyo")):
            said = shown(text, titles={12: SafeString("5 % in March")})
    finally:
        number_format.reset(token)

    assert said == (
        f"“5 % in March” fell by {MINUS}1.234,5 % to 9.499,999 USD at 21:00, daily "
        "loss limit is 5 JPY."
    )
    assert shown(goal(13)) == "goal 13"
    assert shown(name("x_pct"), labels={"x_pct": "X in %"}) == "“X in %”"


def test_money_of_a_sentence_is_hidden_with_the_rest() -> None:
    said = show(say("equity {} is low", money(Decimal(8050), "USD")), NOW)
    assert said == (
        'equity <span class="money" title="8,050">8,050.00</span> USD is low'
    )


def test_what_a_person_wrote_stays_text() -> None:
    assert show(say("{}: {}", "ada", "gone <b>sailing</b> & back_in_may"), NOW) == (
        "ada: gone &lt;b&gt;sailing&lt;/b&gt; &amp; back_in_may"
    )


# What the services say


@pytest.mark.parametrize("inputs", DECISIONS.values(), ids=DECISIONS)
def test_no_figure_of_a_decision_is_only_in_its_words(inputs: SizingInputs) -> None:
    for text in sentences(inputs):
        assert not BARE.search(unmarked(text)), text


@given(goals, requests, exposures)
def test_no_figure_of_any_decision_is_only_in_its_words(
    states: Any, request: Any, exposure: Any
) -> None:
    for text in sentences(SizingInputs(request, states, exposure, CALM)):
        assert not BARE.search(unmarked(text)), text


@pytest.mark.parametrize("progress", ["-3", "12", "54", "86.5", "100", "140"])
@pytest.mark.parametrize("policy", PolicyName)
@pytest.mark.parametrize(
    "state",
    [{}, {"achieved": True}, {"unreachable": "no way"}, {"still_open": ("3 days",)}],
)
def test_a_decision_has_no_word_for_a_goal_besides_its_health(
    progress: str, policy: PolicyName, state: dict[str, Any]
) -> None:
    own = goal_state(progress=progress, policy=policy, **state)
    reason = arbitrate((own, goal_state(2, priority=7))).reason

    assert not [one for one in BANDS if f" {one}" in reason]
    if not state:
        ladder = policy is PolicyName.LADDER or "ladder policy gives" in reason
        assert f"is at {progress} % of the way" in reason
        assert (describe_band(own.band) in reason) is ladder


@pytest.mark.parametrize("band", ProgressBand)
@pytest.mark.parametrize("reached", [False, True])
def test_the_choice_of_a_strategy_says_how_far_the_goal_is(
    band: ProgressBand, reached: bool
) -> None:
    chosen = select_strategy(band, (candidate(), candidate("b")), reached=reached)

    where = "the goal is reached, so a" if reached else f"{describe_band(band)} of the"
    assert chosen.reason.casefold().startswith(where)
    assert "strategy is asked for; a (momentum" in chosen.reason
    assert not [one for one in BANDS if f" {one}" in chosen.reason]


def test_a_form_names_its_fields_and_shows_times_in_the_user_s_zone() -> None:
    with pytest.raises(InvalidInput) as wrong:
        require_not_future("entry_time", LATER, NOW)

    with timezone.override(ZoneInfo("Europe/Berlin")):
        assert shown(wrong.value.detail) == "is in the future; it is 13:00 here."
        said = shown(wrong.value.on_page, labels={"entry_time": "Time"})
    assert said == "“Time”: is in the future; it is 13:00 here."


# What is stored


@pytest.mark.django_db
def test_a_logged_decision_is_explained_as_it_was_taken() -> None:
    own = GoalFactory(target_date=FAR)
    decision, _ = size_for_goal(
        user=own.user, goal_id=own.pk, now=timezone.now(), base_size=Decimal("1234.5")
    )
    row = GoalAdjustmentLog.objects.get(pk=decision.pk)

    why = explain(row)

    assert why.reason == row.reason
    assert why.reason.marks
    assert to_plain(why.guards) == row.guards
    assert to_plain(why.warnings) == row.warnings
    # A version that decides otherwise shows what is stored, as it is.
    row.guards[0]["factor_after"] = "0.9"
    kept = explain(row)
    assert (kept.reason, kept.reason.marks) == (row.reason, ())
    assert to_plain(kept.guards) == row.guards
    del row.inputs["conditions"]["soft_drawdown_pct"]
    assert explain(row).reason == row.reason


@pytest.mark.django_db
def test_halts_and_their_alerts_show_money_and_times_as_the_pages_do(
    client: Client,
) -> None:
    portfolio = PortfolioFactory()
    GoalFactory(portfolio=portfolio, target_date=FAR)
    book_profit(portfolio, Decimal(-300))
    User.objects.filter(pk=portfolio.user.pk).update(
        number_format=NumberFormat.COMMA, time_zone="Asia/Tokyo"
    )
    client.force_login(User.objects.get(pk=portfolio.user.pk))
    equity = '<span class="money" title="700">700,00</span> USDT is at or below'

    halt = TradingHalt.objects.get()
    assert "equity 700 is at or below the floor of 800" in halt.reason
    for address in (
        reverse("site:home"),
        reverse("site:alerts"),
        reverse("site:resume", args=[portfolio.pk]),
        reverse("site:portfolio", args=[portfolio.pk]),
    ):
        page = client.get(address).content.decode()
        assert equity in page, address
        assert not re.search(r"\d UTC", strip_tags(page)), address
    alert = GoalAlert.objects.filter(kind="drawdown_hard").get()
    assert not BARE.search(unmarked(alert.shown_text))
    assert str(alert.shown_text) == alert.text


@pytest.mark.django_db
def test_a_reached_goal_that_has_fallen_back_is_reached_everywhere(
    client: Client,
) -> None:
    own = GoalFactory(target_date=FAR)
    user, now = own.user, timezone.now()
    for kind in ("momentum", "mean_reversion"):
        StrategyFactory(user=user, strategy_id=kind, strategy_type=kind)
    for profit in (60, -50):
        book_profit(own.portfolio, Decimal(profit), at=now)
    own.refresh_from_db()
    assert (own.status, own.progress.band) == ("achieved", "behind")

    chosen = service_select(user=user, goal_id=own.pk, now=timezone.now()).selection
    planned = plan_next_trade(
        user=user,
        portfolio=own.portfolio_id,
        now=timezone.now(),
        base_size=Decimal(100),
    )

    assert (chosen.stance, chosen.selected.strategy_id) == (
        "conservative",
        "mean_reversion",
    )
    assert planned.plan.selection == chosen
    assert "is reached (now 20 %" in planned.decision.reason
    assert own.pace_at(timezone.now()).health is None
    client.force_login(user)
    listed = client.get(f"/api/goals/{own.pk}/").json()
    assert (listed["status"], listed["health"]) == ("achieved", None)
    for address in (
        reverse("site:home"),
        reverse("site:goal", args=[own.pk]),
        reverse("site:goals"),
    ):
        words = strip_tags(client.get(address).content.decode())
        assert "Reached" in words, address
        assert not re.search(r"\bat risk\b|\blagging\b|Behind by", words), address
