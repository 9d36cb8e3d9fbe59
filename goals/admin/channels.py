"""Alert channels and deliveries: tested, and tried again by hand."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from goals.admin.base import ReadOnlyAdmin, now_of
from goals.models import AlertChannel, AlertDelivery
from goals.services.channels import retry, send_test

# A test of each takes up to four seconds of the request.
MOST_TESTED = 3


@admin.register(AlertChannel)
class AlertChannelAdmin(ReadOnlyAdmin):
    """Of an address only its mask is shown."""

    list_display = ("user", "kind", "name", "masked_address", "is_active", "created_at")
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
        "kinds",
        "quiet_from",
        "quiet_until",
        "time_zone",
        "digest",
        "digest_at",
        "per_minute",
        "is_active",
        "tested_at",
        "test_answer",
        "created_at",
    )

    @admin.action(description="Send a test message", permissions=["act"])
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


@admin.register(AlertDelivery)
class AlertDeliveryAdmin(ReadOnlyAdmin):
    """Dead ones were tried for the last time, and are tried again by the action."""

    list_display = ("alert", "channel", "state", "next_try_at", "last_error")
    list_filter = ("state", "channel__kind")
    list_select_related = ("alert", "channel")
    search_fields = ("alert__user__username", "alert__title")
    ordering = ("-delivery_id",)
    actions = ("try_again",)

    def has_act_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("goals.change_alertchannel")

    @admin.action(description="Try dead deliveries again", permissions=["act"])
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
