"""Alert channels and deliveries: tested, and tried again by hand."""

from datetime import datetime

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from goals.admin import figures
from goals.admin.base import ReadOnlyAdmin, now_of
from goals.models import AlertChannel, AlertDelivery
from goals.services.channels import quiet_hours_of, retry, send_test

MAY_CHANGE = "goals.change_alertchannel"
# A test of each takes up to four seconds of the request.
MOST_TESTED = 3


class ActedOn:
    """Actions for whoever may change channels; the rows are only looked at."""

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(MAY_CHANGE))


@admin.register(AlertChannel)
class AlertChannelAdmin(ActedOn, ReadOnlyAdmin[AlertChannel]):
    """Made by users through the API; of an address only its mask is shown."""

    list_display = ("user", "kind", "name", "masked_address", "is_active", "made")
    list_filter = ("kind", "is_active", "digest")
    list_select_related = ("user",)
    search_fields = ("user__username", "name", "masked_address")
    ordering = ("-channel_id",)
    actions = ("send_test_message",)
    fields = (
        "user",
        "kind",
        "name",
        "masked_address",
        "kinds_shown",
        "quiet_hours",
        "time_zone",
        "digest",
        "digest_at",
        "per_minute",
        "is_active",
        "made",
    )

    @admin.action(description="Send a test message", permissions=["retry"])
    def send_test_message(
        self, request: HttpRequest, channels: QuerySet[AlertChannel]
    ) -> None:
        if channels.count() > MOST_TESTED:
            words = f"Choose at most {MOST_TESTED} channels: each may take 4 seconds."
            self.message_user(request, words, messages.ERROR)
            return
        for channel in channels.select_related("user"):
            sent, answer = send_test(channel, clock=timezone.now)
            level = messages.SUCCESS if sent else messages.ERROR
            self.message_user(request, f"{channel}: {answer}", level)

    @admin.display(description="kinds")
    def kinds_shown(self, channel: AlertChannel) -> str:
        if channel.kinds is None:
            return "every kind"
        return ", ".join(figures.words(kind) for kind in channel.kinds)

    @admin.display(description="quiet hours")
    def quiet_hours(self, channel: AlertChannel) -> SafeString | str:
        return quiet_hours_of(channel) or figures.NOTHING

    @admin.display(description="made", ordering="created_at")
    def made(self, channel: AlertChannel) -> SafeString:
        return figures.instant(channel.created_at)


@admin.register(AlertDelivery)
class AlertDeliveryAdmin(ActedOn, ReadOnlyAdmin[AlertDelivery]):
    """Dead ones were tried for the last time, and are tried again by the action."""

    list_display = ("alert", "channel", "state", "next_try", "why")
    list_filter = ("state", "channel__kind")
    list_select_related = ("alert", "channel")
    search_fields = ("alert__user__username", "alert__title")
    ordering = ("-delivery_id",)
    actions = ("try_again",)
    fields = (
        "alert",
        "channel",
        "state",
        "attempts",
        "tried",
        "next_try",
        "sent",
        "why",
        "attempts_shown",
    )

    @admin.action(description="Try dead deliveries again", permissions=["retry"])
    def try_again(
        self, request: HttpRequest, deliveries: QuerySet[AlertDelivery]
    ) -> None:
        chosen = AlertDelivery.objects.filter(pk__in=deliveries.values("pk"))
        count = retry(chosen, now_of(request))
        self.message_user(
            request,
            f"{count} dead deliveries are tried again. Others, and those of channels "
            "that are switched off, stay as they are.",
        )

    @admin.display(description="tried", ordering="tried_at")
    def tried(self, delivery: AlertDelivery) -> SafeString:
        return figures.instant(delivery.tried_at)

    @admin.display(description="next try", ordering="next_try_at")
    def next_try(self, delivery: AlertDelivery) -> SafeString:
        return figures.instant(delivery.next_try_at)

    @admin.display(description="sent", ordering="sent_at")
    def sent(self, delivery: AlertDelivery) -> SafeString:
        return figures.instant(delivery.sent_at)

    @admin.display(description="error")
    def why(self, delivery: AlertDelivery) -> SafeString | str:
        return delivery.last_error or figures.NOTHING

    @admin.display(description="each attempt")
    def attempts_shown(self, delivery: AlertDelivery) -> SafeString | str:
        tries = [
            (figures.instant(datetime.fromisoformat(one["at"])), one["error"] or "sent")
            for one in delivery.tries
        ]
        return format_html_join("", "{}: {}<br>", tries) or figures.NOTHING
