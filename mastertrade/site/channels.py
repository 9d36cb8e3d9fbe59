"""The pages of alert channels: made, changed, tested, paused, deleted."""

from datetime import datetime, timedelta
from typing import Any, cast

from django.conf import settings
from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import (
    conditional_page,
    require_http_methods,
    require_POST,
)

from goals.api.throttling import ChannelTestThrottle
from goals.enums import ChannelKind
from goals.models import AlertChannel, User
from goals.services.channels import (
    ask_test,
    delete_channel,
    quiet_hours_of,
    retry_channel,
    update_channel,
    with_counts,
)
from mastertrade.site.alerts import KIND_NAMES
from mastertrade.site.channel_form import ChannelForm
from mastertrade.site.figures import show
from mastertrade.site.shell import page
from mastertrade.values.exceptions import DomainError

# A worker that lives takes less for a test; then the page says what else it may be.
PATIENCE = timedelta(seconds=30)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@page
def channels(request: HttpRequest) -> HttpResponse:
    """The user's channels; POST adds one, and shows a webhook's new secret once."""
    user, now = cast(User, request.user), timezone.now()
    form = ChannelForm(request.POST or None, user=user)
    made = secret = None
    if request.method == "POST":
        saved = form.save(now)
        if saved is not None:
            made, secret = saved
            form = ChannelForm(user=user)
            if secret is None:
                messages.success(
                    request, f"The channel to {made.masked_address} is added. Test it."
                )
                return redirect("site:channels")
    found = list(with_counts(_mine(user)).order_by("channel_id"))
    context = {
        "form": form,
        "channels": [_show(one, now) for one in found],
        "made": made,
        "secret": secret,
    }
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "site/channels.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@page
def channel(request: HttpRequest, channel_id: int) -> HttpResponse:
    """What goes to a channel, and when."""
    user, now = cast(User, request.user), timezone.now()
    known = get_object_or_404(_mine(user), pk=channel_id)
    form = ChannelForm(request.POST or None, user=user, channel=known)
    if request.method == "POST" and form.save(now) is not None:
        messages.success(request, f"The channel to {_name(known)} is saved.")
        return redirect("site:channels")
    context = {"form": form, "channel": known, "name": _name(known)}
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "site/channel.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@conditional_page
@page
def channel_test(request: HttpRequest, channel_id: int) -> HttpResponse:
    """POST asks for a test message; GET is what became of it, asked until it is known.

    To a browser without htmx, the list of channels.
    """
    user, now = cast(User, request.user), timezone.now()
    known = get_object_or_404(_mine(user), pk=channel_id)
    too_many = 0
    if request.method == "POST":
        too_many = wait_for_test(request)
        if not too_many:
            known = ask_test(user=user, channel_id=channel_id, now=now)
    if not request.headers.get("HX-Request"):
        return redirect("site:channels")
    context = test_of(known, now) | {"too_many": too_many}
    return render(request, "site/parts/channel_test.html", context)


@require_POST
@page
def change_channel(request: HttpRequest, channel_id: int, action: str) -> HttpResponse:
    """Pause, resume, delete, or try again what failed for the last time."""
    user, now = cast(User, request.user), timezone.now()
    known = get_object_or_404(_mine(user), pk=channel_id)
    try:
        done = _change(user, known, action, now)
    except DomainError as refused:
        messages.error(request, show(refused.on_page))
    else:
        messages.success(request, done)
    return redirect("site:channels")


def _change(user: User, known: AlertChannel, action: str, now: datetime) -> str:
    """What was done, in a sentence."""
    this: dict[str, Any] = {"user": user, "channel_id": known.pk}
    name = _name(known)
    match action:
        case "pause":
            update_channel(**this, now=now, is_active=False)
            return f"The channel to {name} is paused: what waited is not sent."
        case "resume":
            update_channel(**this, now=now, is_active=True)
            return f"Alerts go to {name} again from now on."
        case "delete":
            delete_channel(**this)
            return f"The channel to {name} is deleted. Your alerts stay."
        case "retry":
            count = retry_channel(**this, now=now)
            return f"{count} alerts are sent to {name} again."
    raise Http404


def wait_for_test(request: HttpRequest) -> int:
    """Seconds until the user may send another test; 0: now, and it is counted."""
    throttle: Any = ChannelTestThrottle()
    if throttle.allow_request(request, None):
        return 0
    return int(throttle.wait() or 0) + 1


def test_of(known: AlertChannel, now: datetime) -> dict[str, Any]:
    """What `site/parts/channel_test.html` shows."""
    asked = known.test_asked_at
    return {
        "channel": known,
        "name": _name(known),
        "is_late": known.waits_for_test
        and asked is not None
        and now - asked > PATIENCE,
    }


def _mine(user: User) -> QuerySet[AlertChannel]:
    return AlertChannel.objects.filter(user_id=user.username)


def _name(known: AlertChannel) -> str:
    return known.name or known.masked_address


def _show(known: AlertChannel, now: datetime) -> dict[str, Any]:
    return {
        **test_of(known, now),
        "kind": KIND_NAMES[known.kind],  # type: ignore[index]  # its word
        "kinds": known.kinds,
        "is_dead": known.kind == ChannelKind.EMAIL and not settings.HAS_MAIL,
        "quiet": (quiet_hours_of(known) or "").replace("-", " to "),
    }
