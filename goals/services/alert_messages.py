"""Alerts as messages of a channel."""

from collections.abc import Sequence
from uuid import uuid4

from django.utils.html import format_html

from goals.channels.channel import Message
from goals.models import AlertDelivery, GoalAlert
from goals.services.alert_texts import render


def compose(deliveries: Sequence[AlertDelivery]) -> Message:
    """One message of one delivery, or of several in a digest, in their order."""
    alerts = [one.alert for one in deliveries]
    texts = [
        render(one.alert, repeats=one.repeated_on is not None) for one in deliveries
    ]
    first = deliveries[0]
    if len(alerts) == 1:
        key, title = f"delivery-{first.pk}", texts[0].title
    else:
        key = f"digest-{first.channel_id}-{first.pk}-{deliveries[-1].pk}"
        title = f"{len(alerts)} alerts of MasterTrade"
    return Message(
        key=key,
        title=title,
        text="\n\n\n".join(
            f"{one.title}\n{one.text}" if len(texts) > 1 else one.text for one in texts
        ),
        html="".join(one.html for one in texts),
        data={"alerts": [_data(one) for one in alerts]},
    )


def compose_test(name: str) -> Message:
    """What a test sends: by it a person sees that alerts arrive."""
    title = "A test of MasterTrade"
    text = f"Alerts of {name} arrive here. Nothing happened, and nothing is to be done."
    html = format_html("<h2>{}</h2><p>{}</p>", title, text)
    # Receivers take a second message of one key for the first sent again.
    key = f"test-{uuid4().hex}"
    return Message(key=key, title=title, text=text, html=html, data={"alerts": []})


def _data(alert: GoalAlert) -> dict[str, object]:
    """As programs read it: the names of the API."""
    return {
        "alert_id": alert.alert_id,
        "kind": alert.kind,
        "severity": alert.severity,
        "cause": alert.cause,
        "title": alert.title,
        "text": alert.text,
        "figures": alert.figures,
        "portfolio_id": alert.portfolio_id,
        "goal_id": alert.goal_id,
        "occurred_at": alert.occurred_at.isoformat().replace("+00:00", "Z"),
    }
