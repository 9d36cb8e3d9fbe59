"""Bodies and answers of alert channels and their deliveries."""

from collections.abc import Iterator, Mapping
from typing import Any

from rest_framework import serializers

from goals.enums import AlertKind, ChannelKind, DeliveryState, Digest
from goals.models import AlertChannel, AlertDelivery
from goals.models.alerts import MOST_PER_MINUTE
from goals.services.channels import (
    LONGEST_ADDRESS,
    QUIET_PATTERN,
    SECRET_PATTERN,
    find_wrong_change,
    find_wrong_channel,
    quiet_hours_of,
)
from mastertrade.db.model_fields import choices
from mastertrade.values.exceptions import InvalidInput
from mastertrade.web.api_fields import (
    ChoiceField,
    StrictSerializer,
    TrueOrFalseField,
    VisibleTextField,
    WholeNumberField,
)

ALERT_KINDS = choices(AlertKind)
DELIVERY_STATES = choices(DeliveryState)
CHANNEL_KINDS = choices(ChannelKind)
BY_KIND = (
    "By kind: an e-mail address; an http or https address; a bot's token, a slash and "
    "a chat's id; one of apprise's URLs."
)


class ChannelSerializer(serializers.ModelSerializer[AlertChannel]):
    """`address` shows only what tells channels apart.

    `kinds` null: every kind. `waiting` and `dead` count deliveries: a dead one was
    tried for the last time, and is tried again by `POST …/retry/`.
    """

    address = serializers.CharField(source="masked_address", read_only=True)
    quiet_hours = serializers.SerializerMethodField()
    waiting = serializers.IntegerField(read_only=True, default=0)
    dead = serializers.IntegerField(read_only=True, default=0)

    class Meta:
        model = AlertChannel
        fields = (
            "channel_id",
            "kind",
            "name",
            "address",
            "kinds",
            "quiet_hours",
            "time_zone",
            "digest",
            "digest_at",
            "per_minute",
            "is_active",
            "waiting",
            "dead",
            "created_at",
        )
        read_only_fields = fields

    def get_quiet_hours(self, channel: AlertChannel) -> str | None:
        return quiet_hours_of(channel)


class CreatedChannelSerializer(ChannelSerializer):
    """`signing_secret` is what a webhook's messages are signed with, where none was
    sent; it cannot be read again.
    """

    signing_secret = serializers.CharField(read_only=True, allow_null=True)

    class Meta:
        model = AlertChannel
        fields = (*ChannelSerializer.Meta.fields, "signing_secret")
        read_only_fields = fields


class ChannelSettingsSerializer(StrictSerializer):
    """What can be changed of a channel."""

    answered = CreatedChannelSerializer.Meta.fields

    address = VisibleTextField(
        max_length=LONGEST_ADDRESS,
        required=False,
        help_text=BY_KIND,
    )
    secret = serializers.RegexField(
        SECRET_PATTERN,
        required=False,
        error_messages={
            "invalid": "Must be 16 to 200 letters, digits or signs, without blanks."
        },
        help_text="Of a webhook: what its messages are signed with.",
    )
    name = VisibleTextField(max_length=100, required=False)
    kinds = serializers.ListField(
        child=ChoiceField(choices=ALERT_KINDS),
        allow_empty=False,
        max_length=len(AlertKind),
        required=False,
        error_messages={
            "empty": "Must name a kind. For none, switch the channel off: is_active."
        },
        allow_null=True,
        help_text="The kinds of alerts that go there; null: every kind.",
    )
    quiet_hours = serializers.RegexField(
        QUIET_PATTERN,
        required=False,
        allow_null=True,
        error_messages={
            "invalid": "Must be two times of day, such as 22:00-07:00, or null."
        },
        help_text="Local times of `time_zone`. Critical alerts, such as halts, pass; "
        "the others wait for the end.",
    )
    time_zone = serializers.CharField(max_length=64, required=False)
    digest = ChoiceField(
        choices=choices(Digest),
        required=False,
        help_text="Collects what is not critical into one message.",
    )
    digest_at = serializers.TimeField(
        required=False,
        allow_null=True,
        help_text="When a daily digest is sent; 08:00 by default.",
    )
    per_minute = WholeNumberField(
        min_value=1,
        max_value=MOST_PER_MINUTE,
        required=False,
        help_text="The most messages in a minute, up to 60 but for a webhook; the "
        "others wait.",
    )
    is_active = TrueOrFalseField(required=False)


class ChannelCreationSerializer(ChannelSettingsSerializer):
    """`time_zone` is by default that of the portfolio `main`."""

    kind = ChoiceField(choices=CHANNEL_KINDS)
    address = VisibleTextField(
        max_length=LONGEST_ADDRESS,
        help_text=BY_KIND,
    )

    def find_wrong(self, fields: Mapping[str, Any]) -> Iterator[InvalidInput]:
        return find_wrong_channel(fields)


class ChannelChangeSerializer(ChannelSettingsSerializer):
    fixed = {"kind": "cannot be changed: make another channel and delete this one."}

    def find_more(self, fields: Mapping[str, Any]) -> Iterator[InvalidInput]:
        mine = AlertChannel.objects.filter(user=self.context["user"])
        channel = mine.filter(pk=self.context["channel_id"]).first()
        return iter(()) if channel is None else find_wrong_change(channel, fields)


class ChannelTestSerializer(serializers.Serializer[Any]):
    sent = serializers.BooleanField()
    answer = serializers.CharField(
        help_text="What the receiver answered, or why nothing was sent."
    )


class RetriedSerializer(serializers.Serializer[Any]):
    retried = serializers.IntegerField()


class DeliverySerializer(serializers.ModelSerializer[AlertDelivery]):
    """`tries` lists each attempt; `error` is empty where it was sent."""

    alert_id = serializers.IntegerField(read_only=True)
    channel_id = serializers.IntegerField(read_only=True)
    title = serializers.CharField(source="alert.title", read_only=True)
    state = serializers.ChoiceField(DELIVERY_STATES, read_only=True)
    error = serializers.CharField(source="last_error", read_only=True)
    tries = serializers.ListField(child=serializers.DictField(), read_only=True)

    class Meta:
        model = AlertDelivery
        fields = (
            "delivery_id",
            "alert_id",
            "channel_id",
            "title",
            "state",
            "attempts",
            "next_try_at",
            "tried_at",
            "sent_at",
            "error",
            "tries",
        )
        read_only_fields = fields
