"""The page of alerts: what it says of each, what can be done, whose they are."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from goals.enums import AlertKind, ChannelKind, DeliveryState, Severity
from goals.models import AlertDelivery, GoalAlert, User
from goals.tests.channel_factories import make_alert, make_channel
from goals.tests.factories import GoalFactory, UserFactory
from mastertrade.site.alerts import name_alert

pytestmark = pytest.mark.django_db
ADDRESS = "/alerts/"
# Whose own words are those of the pages.
PLAIN = {
    AlertKind.MILESTONE,
    AlertKind.GOAL_MISSED,
    AlertKind.GOAL_FAILED,
    AlertKind.FLOOR_NEAR,
    AlertKind.DAILY_LIMIT_NEAR,
    AlertKind.DAILY_RUN_FAILED,
}


@pytest.fixture
def user(client: Client) -> User:
    user = UserFactory(username="ada")
    client.force_login(user)
    return user


def text_of(client: Client, address: str = ADDRESS) -> str:
    page = client.get(address).content.decode()
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def titles(client: Client, **asked: object) -> list[str]:
    lines = client.get(ADDRESS, asked).context["lines"]
    return [line.alert.title for line in lines]


def deliver(alert: GoalAlert, channel, **fields) -> None:
    AlertDelivery.objects.create(alert=alert, channel=channel, **fields)


def unread_in(page: bytes) -> str:
    found = re.search(rb'id="unread"[^>]*>(?:<span class="count">(\d+))?', page)
    return (found[1] or b"").decode()


@pytest.mark.parametrize("kind", AlertKind)
def test_an_alert_is_named_in_the_words_of_the_pages(kind: AlertKind) -> None:
    name = name_alert(kind)
    assert "_" not in name
    assert not {*name.split()} & {"health", "unreachable", "drift"}
    assert name != kind.replace("_", " ") or kind in PLAIN


@pytest.mark.parametrize(
    ("kind", "option", "label"),
    [
        (AlertKind.JOB_FAILED, "tolerate_closes", "Widen low and high to closes"),
        (AlertKind.IMPORT_REFUSALS, "fx_rates", "Rates of other currencies"),
    ],
)
def test_an_alert_of_a_file_names_its_options_as_the_forms_do(
    client: Client, user: User, kind: AlertKind, option: str, label: str
) -> None:
    make_alert(user, kind=kind, text=f"line 3: {option} takes it")
    shown = text_of(client)
    assert option not in shown
    assert f"line 3: “{label}" in shown


def test_alerts_are_listed_newest_first(client: Client, user: User) -> None:
    make_alert(user, title="first")
    make_alert(user, title="second")
    assert titles(client) == ["second", "first"]


def test_an_alert_of_another_user_is_not_listed(client: Client, user: User) -> None:
    make_alert(UserFactory(), title="somebody else's")
    page = client.get(ADDRESS)
    assert page.context["lines"] == []
    assert b"somebody else" not in page.content


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"kind": AlertKind.HALTED}, ["halt"]),
        ({"severity": Severity.WARNING}, ["warning"]),
        ({"state": "unread"}, ["warning", "halt"]),
        ({"state": "acknowledged"}, ["known"]),
        ({"kind": ""}, ["known", "warning", "halt"]),
    ],
)
def test_filters_choose(client: Client, user: User, asked, found) -> None:
    make_alert(user, title="halt", kind=AlertKind.HALTED, severity=Severity.CRITICAL)
    make_alert(user, title="warning", severity=Severity.WARNING)
    at = timezone.now()
    make_alert(user, title="known", read_at=at, acknowledged_at=at)
    assert titles(client, **asked) == found


def test_a_filter_that_is_none_says_so_at_its_field(client: Client, user: User) -> None:
    make_alert(user, title="there")
    page = client.get(ADDRESS, {"kind": "weather"})
    assert "kind" in page.context["form"].errors
    assert b"weather is not one of the available choices" in page.content


def test_every_delivery_says_what_became_of_it(client: Client, user: User) -> None:
    alert, now = make_alert(user), timezone.now()
    desk = make_channel(user, ChannelKind.WEBHOOK, name="desk")
    deliver(
        alert,
        make_channel(user),
        state=DeliveryState.SENT,
        attempts=1,
        tried_at=now,
        sent_at=now,
    )
    deliver(
        alert,
        desk,
        state=DeliveryState.FAILED,
        attempts=2,
        tried_at=now,
        next_try_at=now + timedelta(days=3, hours=1),
        last_error="The receiver answered 500.",
    )
    deliver(
        alert,
        make_channel(user, name="old"),
        state=DeliveryState.DEAD,
        attempts=8,
        tried_at=now,
        last_error="Nobody answers.",
    )
    deliver(alert, make_channel(user, name="off"), state=DeliveryState.SKIPPED)
    words = text_of(client)
    assert f"E-mail a…@example.com delivered {now:%H:%M}" in words
    assert re.search(
        r"Webhook “desk” failed twice, next try \d+ \w+( \d+)? \d\d:\d\d : "
        r"The receiver answered 500\.",
        words,
    )
    assert (
        "E-mail “old” not delivered, given up after 8 tries: Nobody answers." in words
    )
    assert "E-mail “off” not sent: the channel was paused" in words


def test_an_alert_links_its_portfolio_and_its_goal(client: Client, user: User) -> None:
    goal = GoalFactory(portfolio__user=user)
    make_alert(user, portfolio=goal.portfolio, goal=goal)
    page = client.get(ADDRESS).content.decode()
    assert f'href="/goals/{goal.pk}/"' in page
    assert f'href="/?portfolio={goal.portfolio_id}"' in page


def test_opening_the_page_marks_nothing(client: Client, user: User) -> None:
    alert = make_alert(user)
    client.get(ADDRESS)
    alert.refresh_from_db()
    assert alert.read_at is None


def test_reading_one_shrinks_the_count(client: Client, user: User) -> None:
    alert, _ = make_alert(user), make_alert(user)
    assert unread_in(client.get(ADDRESS).content) == "2"
    part = client.post(
        reverse("site:alert-read", args=[alert.pk]), headers={"HX-Request": "true"}
    )
    assert unread_in(part.content) == "1"
    assert b'hx-swap-oob="true"' in part.content
    alert.refresh_from_db()
    assert alert.read_at is not None
    assert alert.acknowledged_at is None


def test_acknowledging_one_reads_it_and_keeps_the_filter(
    client: Client, user: User
) -> None:
    alert = make_alert(user)
    answer = client.post(
        reverse("site:alert-acknowledge", args=[alert.pk]), {"query": "state=unread"}
    )
    assert answer.url == "/alerts/?state=unread"
    alert.refresh_from_db()
    assert alert.acknowledged_at == alert.read_at is not None


@pytest.mark.parametrize("action", ["read", "acknowledge"])
def test_all_are_marked_up_to_the_newest_shown(
    client: Client, user: User, action: str
) -> None:
    shown, of_another = make_alert(user), make_alert(UserFactory())
    later = make_alert(user)
    client.post(reverse(f"site:alerts-{action}"), {"newest": str(shown.pk)})
    for one in (shown, of_another, later):
        one.refresh_from_db()
    assert shown.read_at is not None
    assert (shown.acknowledged_at is not None) == (action == "acknowledge")
    assert of_another.read_at is None
    assert later.read_at is None


@pytest.mark.parametrize("action", ["read", "acknowledge"])
def test_an_alert_of_another_user_is_not_found(
    client: Client, user: User, action: str
) -> None:
    alert = make_alert(UserFactory())
    answer = client.post(reverse(f"site:alert-{action}", args=[alert.pk]))
    assert answer.status_code == 404
    alert.refresh_from_db()
    assert alert.read_at is None


def test_pages_are_of_25(client: Client, user: User) -> None:
    for _ in range(26):
        make_alert(user, severity=Severity.WARNING)
    assert len(titles(client, severity="warning")) == 25
    assert len(titles(client, severity="warning", page="2")) == 1
    assert (
        "?severity=warning&amp;page=2"
        in client.get(ADDRESS, {"severity": "warning"}).content.decode()
    )


def test_without_an_alert_the_page_says_what_will_come(
    client: Client, user: User
) -> None:
    words = text_of(client)
    assert "No alert yet." in words
    assert "Alerts are shown here only." in words


def test_a_filter_that_finds_nothing_leads_to_all(client: Client, user: User) -> None:
    make_alert(user)
    assert "No alert is like that." in text_of(client, f"{ADDRESS}?severity=critical")


def test_the_page_asks_as_much_whatever_there_is(
    client: Client, user: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    def add(count: int) -> None:
        goal = GoalFactory(portfolio__user=user)
        channel = make_channel(user)
        for _ in range(count):
            alert = make_alert(user, portfolio=goal.portfolio, goal=goal)
            deliver(alert, channel, next_try_at=timezone.now())

    add(1)
    client.get(ADDRESS)
    # Session, user, how many, the alerts, their deliveries, a channel; and the shell's
    # two: the worker, unread.
    for _ in range(2):
        with django_assert_num_queries(8):
            client.get(ADDRESS)
        add(9)


def test_whoever_is_not_signed_in_is_asked_to(client: Client) -> None:
    assert client.get(ADDRESS).url == f"/login/?next={ADDRESS}"
