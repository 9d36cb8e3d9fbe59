"""What the database itself refuses of alerts, channels and deliveries."""

import pytest
from django.db import IntegrityError, transaction

from goals.enums import ChannelKind
from goals.models import AlertDelivery, GoalAlert
from goals.services.channels import update_channel
from goals.tests.channel_factories import NOW, make_alert, make_channel, make_delivery
from goals.tests.factories import GoalFactory, UserFactory
from mastertrade.tests.schema import constraint_that_refuses, constraints_of

pytestmark = pytest.mark.django_db
ALERT, CHANNEL, DELIVERY = "goal_alerts", "alert_channels", "goal_alert_deliveries"
# (constraint, table, what an update sets)
REFUSED = [
    ("goal_alerts_kind", ALERT, "kind = 'mood'"),
    ("goal_alerts_severity", ALERT, "severity = 'loud'"),
    ("goal_alerts_cause_not_empty", ALERT, "cause = ''"),
    ("goal_alerts_title_not_empty", ALERT, "title = ''"),
    ("goal_alerts_text_not_empty", ALERT, "text = ''"),
    ("goal_alerts_figures_are_an_object", ALERT, "figures = '[]'"),
    ("goal_alerts_goal_has_a_portfolio", ALERT, "portfolio_id = NULL"),
    (
        "goal_alerts_read_after_it_was_made",
        ALERT,
        "read_at = created_at - interval '1 second'",
    ),
    ("goal_alerts_acknowledged_is_read", ALERT, "acknowledged_at = now()"),
    (
        "goal_alerts_acknowledged_is_read",
        ALERT,
        "read_at = now(), acknowledged_at = now() - interval '1 second'",
    ),
    (
        "goal_alerts_user_fk",
        ALERT,
        "user_id = 'nobody', portfolio_id = NULL, goal_id = NULL",
    ),
    ("goal_alerts_portfolio_fk", ALERT, "portfolio_id = 0"),
    ("goal_alerts_goal_fk", ALERT, "goal_id = 0"),
    ("alert_channels_kind", CHANNEL, "kind = 'pigeon', secret = ''"),
    ("alert_channels_digest", CHANNEL, "digest = 'yearly', digest_at = NULL"),
    ("alert_channels_address_encrypted", CHANNEL, "address = 'https://example.com'"),
    ("alert_channels_secret_encrypted", CHANNEL, "secret = 'in plain text'"),
    ("alert_channels_secret_of_webhooks", CHANNEL, "secret = ''"),
    ("alert_channels_secret_of_webhooks", CHANNEL, "kind = 'email'"),
    ("alert_channels_masked_not_empty", CHANNEL, "masked_address = ''"),
    ("alert_channels_kinds", CHANNEL, "kinds = ARRAY['halted', 'mood']"),
    ("alert_channels_quiet_hours_are_complete", CHANNEL, "quiet_from = NULL"),
    ("alert_channels_quiet_hours_are_complete", CHANNEL, "quiet_until = quiet_from"),
    ("alert_channels_quiet_hours_are_complete", CHANNEL, "quiet_from = '01:00:01'"),
    ("alert_channels_time_zone_not_empty", CHANNEL, "time_zone = ''"),
    ("alert_channels_daily_digest_has_a_time", CHANNEL, "digest_at = NULL"),
    ("alert_channels_daily_digest_has_a_time", CHANNEL, "digest = 'off'"),
    ("alert_channels_per_minute", CHANNEL, "per_minute = 0"),
    ("alert_channels_per_minute", CHANNEL, "per_minute = 60001"),
    ("alert_channels_tested_has_a_result", CHANNEL, "tested_at = now()"),
    ("alert_channels_tested_has_a_result", CHANNEL, "test_sent = true"),
    ("alert_channels_user_fk", CHANNEL, "user_id = 'nobody'"),
    ("goal_alert_deliveries_state", DELIVERY, "state = 'lost', next_try_at = NULL"),
    ("goal_alert_deliveries_next_try", DELIVERY, "next_try_at = NULL"),
    (
        "goal_alert_deliveries_next_try",
        DELIVERY,
        "state = 'dead', attempts = 1, tried_at = now(), last_error = 'x'",
    ),
    ("goal_alert_deliveries_sent_has_a_time", DELIVERY, "sent_at = now()"),
    (
        "goal_alert_deliveries_sent_has_a_time",
        DELIVERY,
        "state = 'sent', attempts = 1, tried_at = now(), next_try_at = NULL",
    ),
    ("goal_alert_deliveries_tried_has_a_time", DELIVERY, "tried_at = now()"),
    ("goal_alert_deliveries_tried_has_a_time", DELIVERY, "attempts = 1"),
    (
        "goal_alert_deliveries_sent_was_tried",
        DELIVERY,
        "state = 'sent', sent_at = now(), next_try_at = NULL",
    ),
    ("goal_alert_deliveries_failed_says_why", DELIVERY, "state = 'failed'"),
    ("goal_alert_deliveries_tries_are_a_list", DELIVERY, "tries = '{}'"),
    ("goal_alert_deliveries_alert_fk", DELIVERY, "alert_id = 0"),
    ("goal_alert_deliveries_channel_fk", DELIVERY, "channel_id = 0"),
]
UNIQUE = {"goal_alerts_once_per_cause", "goal_alert_deliveries_unique"}
# Django's own: every row that breaks one breaks a named one first.
IMPLIED = {
    "alert_channels_per_minute_check",
    "goal_alert_deliveries_attempts_check",
}


def make_rows():
    goal = GoalFactory()
    channel = make_channel(
        goal.user, ChannelKind.WEBHOOK, quiet_hours="22:00-07:00", digest="daily"
    )
    make_delivery(channel, portfolio=goal.portfolio, goal=goal)


@pytest.mark.parametrize(("name", "table", "change"), REFUSED)
def test_the_database_refuses(name, table, change):
    make_rows()
    assert constraint_that_refuses(f"UPDATE {table} SET {change}") == name


def test_every_constraint_of_the_tables_is_proven():
    proven = {name for name, *_ in REFUSED} | UNIQUE | IMPLIED
    assert constraints_of((ALERT, CHANNEL, DELIVERY)) == proven


def test_a_user_has_one_alert_of_a_cause():
    one, other = UserFactory(), UserFactory()
    make_alert(one, cause="halt:1")
    make_alert(other, cause="halt:1")
    with pytest.raises(IntegrityError, match="goal_alerts_once_per_cause"):
        make_alert(one, cause="halt:1")


def test_an_alert_goes_to_a_channel_once_and_once_for_each_day_of_repetition():
    delivery = make_delivery(make_channel(UserFactory()))
    same = {"alert": delivery.alert, "channel": delivery.channel, "next_try_at": NOW}
    AlertDelivery.objects.create(repeated_on=NOW.date(), **same)
    for day in (None, NOW.date()):
        with (
            pytest.raises(IntegrityError, match="goal_alert_deliveries_unique"),
            transaction.atomic(),
        ):
            AlertDelivery.objects.create(repeated_on=day, **same)


def test_an_alert_of_a_portfolio_is_its_owner_s():
    goal = GoalFactory()
    with pytest.raises(IntegrityError, match="goal_alerts_portfolio_fk"):
        make_alert(UserFactory(), portfolio=goal.portfolio)


def test_deleting_a_channel_leaves_the_alerts():
    delivery = make_delivery(make_channel(UserFactory()))
    delivery.channel.delete()
    assert GoalAlert.objects.filter(pk=delivery.alert_id).exists()
    assert not AlertDelivery.objects.exists()


def test_a_change_that_is_refused_leaves_the_channel_as_it_was():
    channel = make_channel(UserFactory())
    before = type(channel).objects.values().get()
    with pytest.raises(Exception, match="time zone"):
        update_channel(
            user=channel.user,
            channel_id=channel.pk,
            now=NOW,
            name="new",
            time_zone="Mars/Olympus",
        )
    assert type(channel).objects.values().get() == before
