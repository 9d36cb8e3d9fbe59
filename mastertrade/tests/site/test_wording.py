"""Sentences of the services in a trader's words."""

import html
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from django.utils.html import strip_tags
from django.utils.safestring import SafeString

from goals.decisions.arbitration import arbitrate
from goals.decisions.policies import PolicyName
from goals.decisions.progress import describe_band
from goals.enums import AlertKind, ProgressBand
from goals.tests.decisions.test_arbitration import goal_state
from mastertrade.site.figures import MINUS
from mastertrade.site.wording import in_words, name_alert, without_calls
from strategies.decisions.selection import select_strategy
from strategies.tests.decisions.test_selection import candidate

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_goals_have_their_titles_times_the_user_s_zone_settings_their_labels() -> None:
    titles = {12: SafeString("5 % in March"), 13: SafeString("30,000")}
    text = (
        "Goal 12 is late; goal 12 decides among 3 (goal 12 wants 1, 13 wants 1.3, "
        "14 wants 1); halted since 2026-03-02T09:30:00Z until 2026-03-03 10:00 UTC by "
        "daily_loss_limit_pct"
    )

    with timezone.override(ZoneInfo("Europe/Berlin")):
        shown = strip_tags(in_words(text, NOW, titles))

    assert shown == (
        "“5 % in March” is late; “5 % in March” decides among 3 (“5 % in March” "
        "wants 1, “30,000” wants 1.3, 14 wants 1); halted since 10:30 until tomorrow "
        "11:00 by “Daily loss limit in %”"
    )


def test_what_a_person_wrote_stays_text() -> None:
    assert in_words("gone <b>sailing</b> & back", NOW) == (
        "gone &lt;b&gt;sailing&lt;/b&gt; &amp; back"
    )


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (
            "Checked at closes only. Send a newer one with POST /api/positions/marks/.",
            "Checked at closes only.",
        ),
        (
            "You have no strategy yet; create one first, with POST /api/strategies/.",
            "You have no strategy yet.",
        ),
        (
            "Closed before. GET /api/trades/3/ shows them. Go on.",
            "Closed before. Go on.",
        ),
        ("Entries stop.", "Entries stop."),
    ],
)
def test_what_a_program_calls_is_not_said(text: str, left: str) -> None:
    assert without_calls(text) == left


SIGNS = ("-", MINUS)
PLAIN = {
    AlertKind.MILESTONE,
    AlertKind.GOAL_MISSED,
    AlertKind.GOAL_FAILED,
    AlertKind.FLOOR_NEAR,
    AlertKind.DAILY_LIMIT_NEAR,
    AlertKind.DAILY_RUN_FAILED,
}
BAND_WORDS = [band.replace("_", " ") for band in ProgressBand]


@pytest.mark.parametrize("progress", ["-3", "12", "54", "86.5", "100", "140"])
@pytest.mark.parametrize("policy", PolicyName)
@pytest.mark.parametrize(
    "state",
    [{}, {"achieved": True}, {"unreachable": "no way"}, {"still_open": ("3 days",)}],
)
def test_a_decision_has_no_word_for_a_goal_besides_its_health(
    progress: str, policy: PolicyName, state: dict[str, Any]
) -> None:
    goal = goal_state(progress=progress, policy=policy, **state)
    other = goal_state(2, priority=7)
    reason = arbitrate((goal, other)).reason

    shown = in_words(reason, NOW)

    assert not [one for one in BAND_WORDS if f" {one}" in shown]
    if not state:
        ladder = policy is PolicyName.LADDER or "ladder policy gives" in reason
        assert f"is at {progress.replace(*SIGNS)} % of the way" in shown
        assert (describe_band(goal.band) in shown) is ladder


@pytest.mark.parametrize("band", ProgressBand)
def test_the_choice_of_a_strategy_says_how_far_the_goal_is(band: ProgressBand) -> None:
    chosen = select_strategy(band, (candidate(), candidate("b")))

    shown = str(in_words(chosen.reason, NOW))

    assert shown.casefold().startswith(f"{describe_band(band)} of the way a")
    assert " strategy is asked for; a (momentum" in shown
    assert not [one for one in BAND_WORDS if f" {one}" in shown]


@pytest.mark.parametrize("kind", AlertKind)
def test_an_alert_is_named_in_the_words_of_the_pages(kind: AlertKind) -> None:
    name = name_alert(kind)
    assert "_" not in name
    assert not {*name.split()} & {"health", "unreachable", "drift"}
    assert name != kind.replace("_", " ") or kind in PLAIN


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "equity 8050 is at or below the day's floor of 9500: x",
            "equity 8,050.00 USDT is at or below the day's floor of 9,500.00 USDT: x",
        ),
        (
            "live equity -12.5 may fall 3 % more, to the floor of 800",
            "live equity {m}12.50 USDT may fall 3 % more, to the floor of 800.00 USDT",
        ),
        (
            "equity 800 USDT is at the floor of 800 USDT",
            "equity 800 USDT is at the floor of 800 USDT",
        ),
        ("of equity 12 % is held", "of equity 12 % is held"),
        ("down -260 % on 2026-03-02", "down {m}260 % on 2026-03-02"),
        ("Halted by the drawdown guard", "Halted by the hard floor"),
        (
            "it has 30, skewness -0.82: one more loss as large as the worst, -9 %, is "
            "counted, 80 % lower bound -0.026 % per trade",
            "it has 30, few large losses among small gains (skewness {m}0.82): one "
            "more loss as large as the worst, {m}9 %, is counted, with 80 % confidence "
            "a trade makes {m}0.026 % or more on average",
        ),
    ],
)
def test_figures_in_a_sentence_are_as_on_the_page(text: str, shown: str) -> None:
    said = html.unescape(strip_tags(in_words(text, NOW, currency="USDT")))
    assert said.replace("\N{NO-BREAK SPACE}", " ") == shown.replace("{m}", MINUS)
