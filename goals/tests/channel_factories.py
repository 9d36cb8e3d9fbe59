"""Channels, alerts and deliveries for tests."""

from datetime import UTC, datetime
from itertools import count
from typing import Any

from goals.enums import AlertKind, ChannelKind, Severity
from goals.models import AlertChannel, AlertDelivery, GoalAlert, User
from goals.services.channels import create_channel

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ADDRESSES = {
    ChannelKind.EMAIL: "ada@example.com",
    ChannelKind.WEBHOOK: "http://127.0.0.1:9/hook",
    ChannelKind.TELEGRAM: f"123456789:{'a' * 35}/-1001234567890",
}
numbers = count(1)


def make_channel(
    user: User, kind: ChannelKind = ChannelKind.EMAIL, **given: Any
) -> AlertChannel:
    given = {"address": ADDRESSES.get(kind), "now": NOW, **given}
    return create_channel(user=user, kind=kind, **given)[0]


def make_alert(user: User, **fields: Any) -> GoalAlert:
    number = next(numbers)
    return GoalAlert.objects.create(
        **{
            "user": user,
            "kind": AlertKind.MILESTONE,
            "cause": f"cause {number}",
            "severity": Severity.INFO,
            "title": f"Half of the way, {number}",
            "text": "The goal of 5 % stands at 2.5 %.",
            "figures": {"progress_pct": "50"},
            "occurred_at": NOW,
            "created_at": NOW,
            **fields,
        }
    )


def make_delivery(
    channel: AlertChannel, *, at: datetime = NOW, **of_alert: Any
) -> AlertDelivery:
    """A new alert that is to go to the channel at that time."""
    alert = make_alert(channel.user, **of_alert)
    return AlertDelivery.objects.create(alert=alert, channel=channel, next_try_at=at)
