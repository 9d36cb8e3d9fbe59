"""Every kind of alert as a person reads it, as text and as HTML."""

from datetime import UTC, datetime
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest

from goals.enums import AfterAchieved, AlertKind
from goals.models import GoalAlert
from goals.services.alert_messages import compose
from goals.services.alert_texts import AT_TARGET, NOW, render, what_now

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


def alert(kind=AlertKind.MILESTONE, **fields):
    given = {
        "alert_id": 1,
        "user_id": "ada",
        "portfolio_id": 3,
        "kind": kind,
        "cause": "a cause",
        "severity": "info",
        "title": "Portfolio <main>: something",
        "text": "It is 5 & more.",
        "figures": {},
        "occurred_at": AT,
    }
    return GoalAlert(**{**given, **fields})


@pytest.mark.parametrize("kind", AlertKind)
def test_every_kind_says_what_happened_and_what_is_done_now(kind, settings):
    settings.SITE_URL = "https://mastertrade.example"
    row = alert(kind)
    shown = render(row)
    assert shown.title == row.title
    for words in (row.text, NOW[kind], "2026-03-02 09:00 UTC", settings.SITE_URL):
        assert words in shown.text
        assert words in words_of(shown.html)
    assert row.title in words_of(shown.html)


def words_of(html):
    """What a browser shows; fails where a tag is not closed."""
    words, tags = [], []
    parser = HTMLParser()
    parser.handle_data = words.append
    parser.handle_starttag = lambda tag, attrs: tags.append(tag)
    parser.handle_endtag = lambda tag: closed(tags, tag)
    parser.feed(html)
    parser.close()
    assert tags == []
    return "".join(words)


def closed(tags, tag):
    assert tags.pop() == tag


def test_what_users_wrote_is_no_markup():
    shown = render(alert(text="<script>alert(1)</script>", figures={"by": "<b>"}))
    assert "<script>" in shown.text
    assert "<script>" not in shown.html
    assert "<b>" not in shown.html


def test_figures_are_shown_with_their_units():
    figures = {
        "currency": "USDT",
        "equity": "1234.5678",
        "used_pct": "81.234567",
        "unit_value": "0.81",
        "halted_at": "2026-03-02T09:00:00+00:00",
        "halted_until": None,
        "cause": "hard_drawdown",
        "fails": True,
    }
    text = render(alert(AlertKind.DRAWDOWN_HARD, figures=figures)).text
    for line in (
        "equity: 1234.57 USDT",
        "used: 81.23 %",
        "unit value: 0.81",
        "halted at: 2026-03-02 09:00 UTC",
        "cause: hard drawdown",
    ):
        assert line in text
    assert "halted until" not in text
    assert "fails" not in text


@pytest.mark.parametrize("after", AfterAchieved)
def test_a_goal_that_is_achieved_says_what_follows(after):
    figures = {"status": "achieved", "after_achieved": str(after)}
    assert what_now(alert(figures=figures)) == AT_TARGET[after]
    assert what_now(alert(figures={**figures, "status": "active"})) != AT_TARGET[after]


@pytest.mark.parametrize(
    ("kind", "page"),
    [
        (AlertKind.HALTED, "/portfolios/3/resume/"),
        (AlertKind.FLOOR_NEAR, "/settings/portfolios/3/"),
        (AlertKind.MILESTONE, "/"),
    ],
)
def test_the_link_leads_to_where_a_person_acts(kind, page, settings, client, db):
    settings.SITE_URL = "https://mastertrade.example"
    assert render(alert(kind)).text.endswith(f"https://mastertrade.example{page}")
    assert client.get(page).status_code == 302  # there: to the sign-in


def test_without_the_sites_address_there_is_no_link(settings):
    settings.SITE_URL = ""
    shown = render(alert(AlertKind.HALTED))
    assert "http" not in shown.text
    assert "href" not in shown.html


def test_a_repetition_says_so():
    delivery = SimpleNamespace(pk=4, channel_id=2, alert=alert(), repeated_on=AT.date())
    assert compose([delivery]).title.startswith("Still: ")
