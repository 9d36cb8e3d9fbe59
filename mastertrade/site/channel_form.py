"""The form of an alert channel: where alerts go, which, and when."""

from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.utils.functional import cached_property

from goals.enums import AlertKind, ChannelKind, Digest
from goals.models import AlertChannel, User
from goals.services.channels import (
    LONGEST_ADDRESS,
    SECRET_PATTERN,
    create_channel,
    update_channel,
)
from mastertrade.site.forms import CallForm, compare_with_page
from mastertrade.site.wording import name_alert

KIND_CHOICES = [
    (ChannelKind.EMAIL, "E-mail"),  # the first: see `offer_kinds`
    (ChannelKind.WEBHOOK, "Webhook, signed"),
    (ChannelKind.TELEGRAM, "Telegram"),
    (ChannelKind.APPRISE, "Another service, by its apprise URL"),
]
NO_MAIL = (
    "No e-mail: this site sends none until whoever runs it names a mail server, "
    "MASTERTRADE_EMAIL_HOST."
)
EMAIL_HELP = "An e-mail address. "
ADDRESS_HELP = (
    "Of a webhook: its https address. Of Telegram: the bot's token, a slash and the "
    "chat's id, as 123456789:AAE…/-1001234567890. Of another service: its URL, as "
    "ntfy://topic."
)
DIGEST_CHOICES = [
    (Digest.OFF, "Each alert at once"),
    (Digest.HOURLY, "Collected, once an hour"),
    (Digest.DAILY, "Collected, once a day"),
]
# What the alerts are about, as the form groups them; the first group is critical.
KINDS: tuple[tuple[str, tuple[AlertKind, ...]], ...] = (
    (
        "Critical: trading has stopped",
        (AlertKind.DRAWDOWN_HARD, AlertKind.DAILY_LOSS, AlertKind.HALTED),
    ),
    (
        "Limits and trading",
        (
            AlertKind.FLOOR_NEAR,
            AlertKind.DAILY_LIMIT_NEAR,
            AlertKind.DRAWDOWN_SOFT,
            AlertKind.DECISION_OVERRIDDEN,
            AlertKind.RESUMED,
        ),
    ),
    (
        "Goals",
        (
            AlertKind.MILESTONE,
            AlertKind.HEALTH_LAGGING,
            AlertKind.HEALTH_AT_RISK,
            AlertKind.HEALTH_UNREACHABLE,
            AlertKind.GOAL_MISSED,
            AlertKind.GOAL_FAILED,
        ),
    ),
    (
        "Data and upkeep",
        (
            AlertKind.IMPORT_REFUSALS,
            AlertKind.MARKS_STALE,
            AlertKind.JOB_FAILED,
            AlertKind.DAILY_RUN_FAILED,
            AlertKind.DRIFT,
        ),
    ),
)


def _clock_field(label: str) -> forms.TimeField:
    return forms.TimeField(
        label=label,
        required=False,
        input_formats=["%H:%M", "%H:%M:%S"],  # the latter is what a page showed
        widget=forms.TimeInput({"type": "time"}, format="%H:%M"),
        error_messages={"invalid": "Must be a time of day, such as 22:00."},
    )


def offer_kinds(form: forms.Form) -> None:
    """Of its fields `kind` and `address`: e-mail only where mail is sent."""
    kind: Any = form.fields["kind"]
    if settings.HAS_MAIL:
        kind.choices, kind.help_text = KIND_CHOICES, ""
    else:
        kind.choices, kind.help_text = KIND_CHOICES[1:], NO_MAIL
    of_mail = EMAIL_HELP if settings.HAS_MAIL else ""
    form.fields["address"].help_text = of_mail + ADDRESS_HELP


class ChannelForm(CallForm):
    """A new channel, or `channel` changed: its kind stays, its address may."""

    field_names: ClassVar[dict[str, str]] = {"quiet_hours": "quiet_until"}

    kind = forms.ChoiceField(label="How", choices=KIND_CHOICES)
    address = forms.CharField(
        label="Address",
        max_length=LONGEST_ADDRESS,
        widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"}),
    )
    name = forms.CharField(
        label="Name", max_length=100, required=False, help_text="As this site calls it."
    )
    secret = forms.RegexField(
        SECRET_PATTERN,
        label="Secret of a webhook",
        required=False,
        help_text="What its messages are signed with. Left empty, one is made and "
        "shown once.",
        error_messages={
            "invalid": "Must be 16 to 200 letters, digits or signs, without blanks."
        },
        widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"}),
    )
    every = forms.BooleanField(
        label="Every kind of alert, also those of later versions", required=False
    )
    kinds = forms.MultipleChoiceField(
        label="Only these",
        required=False,
        choices=[(kind, name_alert(kind)) for _, group in KINDS for kind in group],
        widget=forms.CheckboxSelectMultiple,
    )
    quiet_from = _clock_field("Quiet from")
    quiet_until = _clock_field("Quiet until")
    time_zone = forms.CharField(
        label="Time zone",
        max_length=64,
        required=False,
        help_text="Such as Europe/Vienna. Critical alerts pass quiet hours.",
    )
    digest = forms.ChoiceField(label="Alerts are sent", choices=DIGEST_CHOICES)
    digest_at = _clock_field("Once a day at")

    def __init__(
        self, data: Any = None, *, user: User, channel: AlertChannel | None = None
    ) -> None:
        self.user, self.channel = user, channel
        super().__init__(data, initial=_initial(user, channel))
        if channel is None:
            offer_kinds(self)
        else:
            del self.fields["kind"]
            address = self.fields["address"]
            address.required = False
            address.label = "Another address"
            address.help_text = (
                f"Left empty, it stays as it is: {channel.masked_address}"
            )
            self.fields["secret"].label = "Another secret"
            self.fields["secret"].help_text = "Left empty, it stays."
            if channel.kind != ChannelKind.WEBHOOK:
                del self.fields["secret"]
            compare_with_page(self)

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        begin, end = given.get("quiet_from"), given.get("quiet_until")
        if (begin is None) != (end is None) and not self.errors:
            missing = "quiet_from" if begin is None else "quiet_until"
            self.add_error(
                missing, "Quiet hours need both times; leave both empty for none."
            )
        if not given.get("every") and not given.get("kinds"):
            self.add_error(
                "kinds",
                "Choose at least one kind, or every kind. For none, pause the channel.",
            )
        return given

    def save(self, now: datetime) -> tuple[AlertChannel, str | None] | None:
        """The channel, and a secret that was made; None where a service refuses."""
        if not self.is_valid():
            return None
        if self.channel is None:
            return self.call(create_channel, user=self.user, now=now, **self._given)
        changed = self.call(
            update_channel,
            user=self.user,
            channel_id=self.channel.pk,
            now=now,
            **self._given,
        )
        return None if changed is None else (changed, None)

    @cached_property
    def _given(self) -> dict[str, Any]:
        """As the services take it: what may be left empty is not given then."""
        asked = dict(self.cleaned_data)
        every = asked.pop("every")
        asked["kinds"] = None if every else asked["kinds"]
        begin, end = asked.pop("quiet_from"), asked.pop("quiet_until")
        asked["quiet_hours"] = None
        if begin is not None and end is not None:
            asked["quiet_hours"] = f"{begin:%H:%M}-{end:%H:%M}"
        if asked["digest"] != Digest.DAILY:
            asked.pop("digest_at")
        kept = ("address", "secret", "time_zone", "digest_at")
        return {
            name: value
            for name, value in asked.items()
            if (value or name not in kept) and name not in self._unchanged
        }

    @property
    def _unchanged(self) -> set[str]:
        """The settings of a channel that are as the page showed them."""
        if self.channel is None:
            return set()
        changed, found = {*self.changed_data}, {*self.fields} - {*self.changed_data}
        if changed.isdisjoint({"quiet_from", "quiet_until"}):
            found.add("quiet_hours")
        if "every" in changed:
            found.discard("kinds")
        elif self.cleaned_data["every"]:
            found.add("kinds")
        return found

    @property
    def shown_kinds(self) -> str:
        """Which were ticked when the page was shown, as hidden fields."""
        kinds = self["kinds"]
        return kinds.as_hidden(only_initial=True) if self.channel else ""

    @property
    def groups(self) -> list[tuple[str, list[Any]]]:
        """The boxes of the kinds, under what they are about."""
        boxes = {str(box.data["value"]): box for box in self["kinds"].subwidgets}
        return [(title, [boxes[kind] for kind in group]) for title, group in KINDS]


def _initial(user: User, channel: AlertChannel | None) -> dict[str, Any]:
    if channel is None:
        return {"every": True, "time_zone": user.time_zone, "digest": Digest.OFF}
    return {
        "name": channel.name,
        "every": channel.kinds is None,
        "kinds": channel.kinds or [],
        "quiet_from": channel.quiet_from,
        "quiet_until": channel.quiet_until,
        "time_zone": channel.time_zone,
        "digest": channel.digest,
        "digest_at": channel.digest_at,
    }
