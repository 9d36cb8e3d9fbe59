"""The page of a user's alerts: what happened, and what became of sending it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from django import forms
from django.core.paginator import Paginator
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST, require_safe

from goals.enums import AlertKind, ChannelKind, DeliveryState, Severity
from goals.models import AlertChannel, AlertDelivery, GoalAlert, User
from goals.services.alert_texts import what_now
from goals.services.alerts import (
    AlertState,
    acknowledge,
    acknowledge_all,
    count_unread,
    mark_all_read,
    mark_read,
    of_states,
)
from mastertrade.site import figures
from mastertrade.site.figures import words
from mastertrade.site.replay_forms import reading_labels
from mastertrade.site.shell import page
from mastertrade.site.wording import IMPORT_LABELS, name_alert
from mastertrade.values.exceptions import NotFound

ON_A_PAGE = 25
# Of each alert, the newest: one that repeats is sent again every day.
MOST_DELIVERIES = 10
KIND_NAMES = {
    ChannelKind.EMAIL: "E-mail",
    ChannelKind.WEBHOOK: "Webhook",
    ChannelKind.TELEGRAM: "Telegram",
    ChannelKind.APPRISE: "apprise",
}
TONES = {Severity.CRITICAL: "bad", Severity.WARNING: "warn"}
STATE_NAMES = {
    AlertState.UNREAD: "Unread",
    AlertState.READ: "Read, not acknowledged",
    AlertState.ACKNOWLEDGED: "Acknowledged",
}


def _asked(name: str, every: str, known: Any) -> forms.ChoiceField:
    return forms.ChoiceField(
        label=name, required=False, choices=[("", every), *known.items()]
    )


class AlertFilterForm(forms.Form):
    """Which alerts are listed; empty fields: all."""

    state = _asked("Read or not", "All", STATE_NAMES)
    severity = _asked(
        "Severity", "Every severity", {one: words(one).capitalize() for one in Severity}
    )
    kind = _asked(
        "About", "Everything", {one: name_alert(one).capitalize() for one in AlertKind}
    )

    def choose(self, alerts: QuerySet[GoalAlert]) -> QuerySet[GoalAlert]:
        """Those asked for; all where a field is wrong, which then says so."""
        if not self.is_valid():
            return alerts
        asked = self.cleaned_data
        if asked["state"]:
            alerts = of_states(alerts, [AlertState(asked["state"])])
        given = {name: asked[name] for name in ("severity", "kind") if asked[name]}
        return alerts.filter(**given)


@dataclass(frozen=True, slots=True)
class AlertLine:
    """An alert as the page shows it; `tone` is empty where nothing needs attention."""

    alert: GoalAlert
    state: AlertState
    tone: str
    kind: str
    title: SafeString
    text: SafeString
    now: SafeString
    sent: tuple[SafeString, ...]

    @property
    def is_unread(self) -> bool:
        return self.state is AlertState.UNREAD

    @property
    def is_acknowledged(self) -> bool:
        return self.state is AlertState.ACKNOWLEDGED


@require_safe
@page
def alerts(request: HttpRequest) -> HttpResponse:
    """Newest first; opening the page marks nothing as read."""
    user, now = cast(User, request.user), timezone.now()
    form = AlertFilterForm(request.GET)
    mine = alerts_of(user)
    found = Paginator(form.choose(mine), ON_A_PAGE).get_page(request.GET.get("page"))
    asked = {name: request.GET[name] for name in form.fields if request.GET.get(name)}
    context = {
        "form": form,
        "page": found,
        "lines": [show_alert(one, now) for one in found],
        "is_filtered": bool(asked),
        "query": urlencode(asked),
        # What comes meanwhile is not marked with the rest.
        "newest": max((one.pk for one in found), default=0),
        "has_channel": AlertChannel.objects.filter(user=user, is_active=True).exists(),
    }
    return render(request, "site/alerts.html", context)


@require_POST
@page
def mark_alert(request: HttpRequest, alert_id: int, action: str) -> HttpResponse:
    """Mark one as read, or acknowledge it; to htmx, the alert as it then is."""
    user, now = cast(User, request.user), timezone.now()
    mark = {"read": mark_read, "acknowledge": acknowledge}[action]
    try:
        mark(user=user, alert_id=alert_id, now=now)
    except NotFound as missing:
        raise Http404 from missing
    if not request.headers.get("HX-Request"):
        return _back(request)
    alert = alerts_of(user).get(pk=alert_id)
    context = {"line": show_alert(alert, now), "unread": count_unread(user)}
    return render(request, "site/parts/alert_marked.html", context)


@require_POST
@page
def mark_alerts(request: HttpRequest, action: str) -> HttpResponse:
    """The same of all up to the newest one that the page showed."""
    user = cast(User, request.user)
    mark = {"read": mark_all_read, "acknowledge": acknowledge_all}[action]
    newest = request.POST.get("newest", "")
    if newest.isascii() and newest.isdigit() and len(newest) < 19:
        mark(user=user, up_to=int(newest), now=timezone.now())
    return _back(request)


def _back(request: HttpRequest) -> HttpResponse:
    form = AlertFilterForm(QueryDict(request.POST.get("query", "")))
    asked = form.cleaned_data if form.is_valid() else {}
    kept = urlencode({name: value for name, value in asked.items() if value})
    return redirect(f"{reverse('site:alerts')}{'?' if kept else ''}{kept}")


def alerts_of(user: User) -> QuerySet[GoalAlert]:
    newest = AlertDelivery.objects.select_related("channel").order_by("-delivery_id")
    return (
        GoalAlert.objects.filter(user_id=user.username)
        .select_related("portfolio", "goal")
        .prefetch_related(
            Prefetch("deliveries", newest[:MOST_DELIVERIES], to_attr="newest")
        )
        .order_by("-alert_id")
    )


def show_alert(alert: GoalAlert, now: datetime) -> AlertLine:
    deliveries: list[AlertDelivery] = alert.newest  # type: ignore[attr-defined]
    return AlertLine(
        alert=alert,
        state=AlertState.of(alert),
        tone=TONES.get(Severity(alert.severity), ""),
        kind=name_alert(alert.kind),
        title=figures.show(alert.shown_title, now),
        text=figures.show(alert.shown_text, now, labels=_labels_of(alert.kind)),
        now=figures.show(what_now(alert), now),
        sent=tuple(say_delivery(one, now) for one in deliveries),
    )


def _labels_of(kind: str) -> dict[str, str]:
    """What the forms call the options that an alert about a file names."""
    if kind not in {AlertKind.JOB_FAILED, AlertKind.IMPORT_REFUSALS}:
        return {}
    return {**IMPORT_LABELS, **reading_labels()}


def say_delivery(delivery: AlertDelivery, now: datetime) -> SafeString:
    """What became of one delivery: "Webhook “desk” failed twice, next try 11:20: …"."""
    channel = delivery.channel
    kind = KIND_NAMES[ChannelKind(channel.kind)]
    name = f"“{channel.name}”" if channel.name else channel.masked_address
    again = "" if delivery.repeated_on is None else " again"
    return format_html("{} {}{} {}", kind, name, again, _became(delivery, now))


def _became(delivery: AlertDelivery, now: datetime) -> SafeString:
    times = _times(delivery.attempts)
    next_at = figures.when(delivery.next_try_at, now)
    is_due = delivery.next_try_at is not None and delivery.next_try_at <= now
    match DeliveryState(delivery.state):
        case DeliveryState.SENT:
            return format_html("delivered {}", figures.when(delivery.sent_at, now))
        case DeliveryState.WAITING:
            if is_due:
                return SafeString("waits for the worker")
            return format_html("waits until {}", next_at)
        case DeliveryState.SKIPPED:
            return SafeString("not sent: the channel was paused")
        case DeliveryState.FAILED:
            return format_html(
                "failed {}, next try {}: {}",
                times,
                "by the worker" if is_due else next_at,
                delivery.last_error,
            )
        case DeliveryState.DEAD:
            return format_html(
                "not delivered, given up after {}: {}",
                f"{delivery.attempts} tries",
                delivery.last_error,
            )


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")
