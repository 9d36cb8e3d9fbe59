"""The one sentence of a goal: each case of it, and the order by urgency."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.utils.html import strip_tags
from django.utils.safestring import SafeString

from goals.decisions.guards import GUARDS
from goals.enums import AfterAchieved, GoalStatus, HaltCause, Health, Measure
from mastertrade.site.sentences import (
    GUARD_WORDS,
    GoalFigures,
    Headroom,
    Links,
    NextFactor,
    Odds,
    goal_sentence,
    health_of,
    pill_of,
    urgency_of,
)
from tests.http import spaced

LINKS = Links(
    "/", "/chart", "/odds", "/decisions", "/what-if", "/conditions", "/limits"
)
LATE = datetime(2020, 11, 12, 14, 5, tzinfo=UTC)
RUNNING = GoalFigures(
    status=GoalStatus.ACTIVE,
    health=Health.AT_RISK,
    measure=Measure.RETURN,
    currency="USDT",
    current_value=Decimal("0.96"),
    target_value=Decimal(5),
    progress_pct=Decimal("19.2"),
    links=LINKS,
    gap=Decimal("-1.2"),
    expected_pct=Decimal(62),
    required_per_day=Decimal("0.35"),
    odds=Odds(Decimal("0.61"), Decimal("0.48"), Decimal("0.72"), 102),
    next_factor=NextFactor(Decimal("1.15"), Decimal("1.15")),
    headroom=Headroom("daily_loss", Decimal("3")),
)
OF_MONEY = replace(RUNNING, measure=Measure.INCOME, gap=Decimal("1119.4"))
REACHED = replace(
    RUNNING,
    status=GoalStatus.ACHIEVED,
    achieved_at=LATE,
    current_value=Decimal("5.2"),
    next_factor=NextFactor(Decimal("0.5"), Decimal("0.5")),
)


def read(goal: GoalFigures) -> str:
    said = spaced(strip_tags(goal_sentence(goal)))
    return said.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")


def test_a_running_goal_has_gap_chance_next_trade_and_headroom() -> None:
    assert read(RUNNING) == (
        "Behind by 1.2 points; 61 % (48\N{EN DASH}72) to arrive; next trade at 1.15 of "
        "base; "
        "3 average losing trades to today's limit."
    )


def test_each_number_links_to_what_it_was_made_from() -> None:
    found = re.findall(r'<a href="([^"]+)">([^<]+)</a>', spaced(goal_sentence(RUNNING)))

    assert found == [
        ("/chart", "1.2 points"),
        ("/odds", "61 % (48\N{EN DASH}72)"),
        ("/decisions", "1.15 of base"),
        ("/limits", "3 average losing trades"),
    ]


CASES = {
    "ahead in money": (OF_MONEY, "Ahead by 1,119.00 USDT; 61 %"),
    "behind in money": (replace(OF_MONEY, gap=Decimal("-3.5")), "Behind by 3.50 USDT;"),
    "on pace": (replace(RUNNING, gap=Decimal("0.01")), "On pace; 61 %"),
    "made late in its month, and behind": (
        replace(RUNNING, joined=date(2020, 11, 1), period="month"),
        "Behind by 1.2 points; its month began on 1 Nov 2020; 61 %",
    ),
    "made late in its month, and ahead": (
        replace(RUNNING, gap=Decimal(1), joined=date(2020, 11, 1), period="month"),
        "Ahead by 1 point; 61 %",
    ),
    "one point": (replace(RUNNING, gap=Decimal(1)), "Ahead by 1 point;"),
    "too few trades": (
        replace(RUNNING, odds=Odds(None, None, None, 16)),
        "; no probability yet, 16 of the 20 closed trades it needs; next",
    ),
    "not projected": (
        replace(RUNNING, odds=Odds(None, None, None, None)),
        "; no probability yet, it is projected once a day; next",
    ),
    "one losing trade": (
        replace(RUNNING, headroom=Headroom("hard_drawdown", Decimal("1.04"))),
        "; 1 average losing trade to the hard floor.",
    ),
    "no losing trade yet": (
        replace(RUNNING, headroom=Headroom("hard_drawdown", None)),
        "; next trade at 1.15 of base.",
    ),
    "held by the soft drawdown": (
        replace(
            RUNNING, next_factor=NextFactor(Decimal(1), Decimal("1.3"), "drawdown")
        ),
        "next trade at 1.0 of base, not 1.3, while the soft drawdown lasts;",
    ),
    "held by the edge": (
        replace(RUNNING, next_factor=NextFactor(Decimal(1), Decimal("1.3"), "edge")),
        "next trade at 1.0 of base, not 1.3, as the record does not speak for more;",
    ),
    "a size that can not be known": (
        replace(
            RUNNING,
            next_factor=NextFactor(Decimal(0), Decimal(0), refusal="no record yet"),
        ),
        "; no size now: no record yet;",
    ),
    "a size that needs the trade's stop": (
        replace(
            RUNNING,
            next_factor=NextFactor(Decimal(0), Decimal(0), "", "x", needs_stop=True),
        ),
        "; next trade: give its stop to size it;",
    ),
    "no next trade": (
        replace(
            RUNNING, next_factor=NextFactor(Decimal(0), Decimal("1.3"), "day_rules")
        ),
        "; no next trade by the rules of the day;",
    ),
    "without a deadline": (
        replace(RUNNING, gap=None, expected_pct=None, odds=None, health=Health.ON_PACE),
        "19.2 % of the way, without a deadline; next trade at 1.15 of base;",
    ),
    "waits for another goal": (
        replace(
            OF_MONEY,
            decided_by=SafeString("5 % in November"),
            decided_because="has the higher priority",
            required_per_day=Decimal(44),
        ),
        "; needs 44.00 USDT a day; it waits: “5 % in November” has the higher "
        "priority and sets the factor.",
    ),
    "halted until resumed": (
        replace(RUNNING, halted=True),
        "Behind by 1.2 points; trading is halted until you resume it, so no trade is "
        "sized.",
    ),
    "halted for the day": (
        replace(RUNNING, halted=True, halted_until=LATE),
        "to arrive; trading is halted until 12 Nov 2020 14:05, so no trade is sized.",
    ),
    "out of reach": (
        replace(RUNNING, health=Health.UNREACHABLE),
        "Out of reach even at its largest size; behind by 1.2 points; next trade",
    ),
    "conditions open at the target": (
        replace(RUNNING, open_conditions=("2 of 4 trading days", "best day 60 %")),
        "At its target, not reached yet: 2 of 4 trading days and best day 60 %; 61 %",
    ),
    "no money": (
        replace(RUNNING, lacks_money=True),
        "Behind by 1.2 points; no money to trade with, so there is no size and no "
        "chance.",
    ),
    "just started": (
        replace(
            RUNNING,
            health=Health.ON_PACE,
            progress_pct=Decimal(0),
            expected_pct=Decimal("0.5"),
        ),
        "Just started; 61 %",
    ),
    "not begun": (replace(RUNNING, begins_at=LATE), "Begins 12 Nov 2020 14:05."),
    "paused": (
        replace(RUNNING, status=GoalStatus.PAUSED),
        "Paused, so it is measured and sizes no trade; behind by 1.2 points; 61 % "
        "(48\N{EN DASH}72) to arrive.",
    ),
    "reached": (
        REACHED,
        "Reached 12 Nov 2020 14:05; at 5.2 % of 5 %; next trade at 0.5 of base to "
        "protect it.",
    ),
    "reached, then no more trades": (
        replace(REACHED, after_achieved=AfterAchieved.STOP),
        "at 5.2 % of 5 %; no trade until its period ends.",
    ),
    "reached and over": (replace(REACHED, is_over=True), "at 5.2 % of 5 %."),
    "missed": (
        replace(RUNNING, status=GoalStatus.MISSED, is_over=True),
        "Missed: +0.96 % of 5 % when its period ended.",
    ),
    "failed": (
        replace(
            RUNNING,
            status=GoalStatus.FAILED,
            failed_at=LATE,
            failed_by=HaltCause.DAILY_LOSS,
        ),
        "Failed 12 Nov 2020 14:05 by the daily loss limit, at +0.96 %;",
    ),
    "cancelled": (
        replace(RUNNING, status=GoalStatus.CANCELLED, ended_at=LATE),
        "Cancelled 12 Nov 2020 14:05; at 0.96 % of 5 %.",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_each_case_has_its_words(case: str) -> None:
    goal, words = CASES[case]

    assert words in read(goal)


@pytest.mark.parametrize(
    ("goal", "word"),
    [
        (RUNNING, "at risk"),
        (replace(RUNNING, health=Health.LAGGING), "lagging"),
        (replace(RUNNING, health=Health.UNREACHABLE), "out of reach"),
        (replace(RUNNING, status=GoalStatus.FAILED), "failed"),
        (replace(RUNNING, health=Health.ON_PACE), ""),
        (replace(RUNNING, health=Health.AHEAD), ""),
        (replace(RUNNING, status=GoalStatus.PAUSED), ""),
        (REACHED, ""),
    ],
)
def test_a_pill_stands_only_where_attention_is_needed(
    goal: GoalFigures, word: str
) -> None:
    assert strip_tags(pill_of(goal)) == word


def test_a_healthy_goal_has_a_plain_word() -> None:
    assert health_of(replace(RUNNING, health=Health.ON_PACE)) == "on pace"
    assert health_of(REACHED) == "reached"


def test_what_can_be_mended_comes_first_and_what_is_over_last() -> None:
    ranks = [
        urgency_of(GoalStatus.ACTIVE, Health.AT_RISK),
        urgency_of(GoalStatus.ACTIVE, Health.UNREACHABLE),
        urgency_of(GoalStatus.ACTIVE, Health.LAGGING),
        urgency_of(GoalStatus.ACTIVE, Health.AHEAD),
        urgency_of(GoalStatus.ACHIEVED, None),
        urgency_of(GoalStatus.PAUSED, Health.AT_RISK),
        urgency_of(GoalStatus.ACTIVE, Health.AT_RISK, has_begun=False),
        urgency_of(GoalStatus.MISSED, None, is_over=True),
    ]
    assert ranks == sorted(set(ranks))


def test_every_guard_has_its_words_where_it_binds() -> None:
    assert set(GUARD_WORDS) == set(GUARDS)
