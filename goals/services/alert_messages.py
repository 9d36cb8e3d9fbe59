"""Alerts as messages: title, what happened, figures, and a link; text and HTML."""

from collections.abc import Iterator, Sequence

from django.conf import settings
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from goals.channels.channel import Message
from goals.models import AlertDelivery, GoalAlert


def compose(deliveries: Sequence[AlertDelivery]) -> Message:
    """One message of one delivery, or of several in a digest, in their order."""
    alerts = [one.alert for one in deliveries]
    first = deliveries[0]
    if len(alerts) == 1:
        key, title = f"delivery-{first.pk}", first.alert.title
    else:
        key = f"digest-{first.channel_id}-{first.pk}-{deliveries[-1].pk}"
        title = f"{len(alerts)} alerts of MasterTrade"
    several = len(alerts) > 1
    return Message(
        key=key,
        title=title,
        text="\n\n".join(_text(one, titled=several) for one in alerts),
        html="".join(_html(one) for one in alerts),
        data={"alerts": [_data(one) for one in alerts]},
    )


def compose_test(name: str) -> Message:
    """What a test sends: by it a person sees that alerts arrive."""
    title = "A test of MasterTrade"
    text = f"Alerts of {name} arrive here. Nothing happened, and nothing is to be done."
    html = format_html("<h2>{}</h2><p>{}</p>", title, text)
    return Message(key="test", title=title, text=text, html=html, data={"alerts": []})


def _text(alert: GoalAlert, *, titled: bool) -> str:
    lines = [alert.title] if titled else []
    lines.append(alert.text)
    lines += [f"{name}: {value}" for name, value in _figures(alert)]
    lines.append(f"{alert.occurred_at:%Y-%m-%d %H:%M} UTC")
    lines += [link] if (link := _link(alert)) else []
    return "\n".join(lines)


def _html(alert: GoalAlert) -> SafeString:
    rows = format_html_join("", "<tr><th>{}</th><td>{}</td></tr>", _figures(alert))
    table = format_html("<table>{}</table>", rows) if rows else ""
    link = _link(alert)
    anchor = format_html('<p><a href="{}">{}</a></p>', link, link) if link else ""
    return format_html(
        "<h2>{}</h2><p>{}</p>{}<p>{} UTC</p>{}",
        alert.title,
        alert.text,
        table,
        f"{alert.occurred_at:%Y-%m-%d %H:%M}",
        anchor,
    )


def _figures(alert: GoalAlert) -> Iterator[tuple[str, str]]:
    for name, value in alert.figures.items():
        if not isinstance(value, (dict, list)) and value is not None:
            yield (
                name.removesuffix("_pct").replace("_", " "),
                (f"{value} %" if name.endswith("_pct") else str(value)),
            )


def _link(alert: GoalAlert) -> str:
    return f"{settings.SITE_URL}/" if settings.SITE_URL else ""


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
