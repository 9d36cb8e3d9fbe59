"""Sentences of the services in a trader's words."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from django.utils.html import strip_tags
from django.utils.safestring import SafeString

from mastertrade.site.wording import in_words, without_calls

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_goals_have_their_titles_times_the_user_s_zone_settings_their_labels() -> None:
    titles = {12: SafeString("5 % in March"), 13: SafeString("30,000")}
    text = (
        "Goal 12 is behind; goal 12 decides among 3 (goal 12 wants 1, 13 wants 1.3, "
        "14 wants 1); halted since 2026-03-02T09:30:00Z until 2026-03-03 10:00 UTC by "
        "daily_loss_limit_pct"
    )

    with timezone.override(ZoneInfo("Europe/Berlin")):
        shown = strip_tags(in_words(text, NOW, titles))

    assert shown == (
        "“5 % in March” is behind; “5 % in March” decides among 3 (“5 % in March” "
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
