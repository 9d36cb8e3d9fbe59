"""The channels of a user: made, changed, tested, deleted."""

import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, time
from typing import Any

from django.conf import settings
from django.db.models import (
    Count,
    DateTimeField,
    OuterRef,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.functions import Coalesce, Greatest

from goals.channels import CHANNELS
from goals.channels.channel import NotSent
from goals.channels.senders import Busy
from goals.enums import ChannelKind, DeliveryState, Digest
from goals.models import AlertChannel, AlertDelivery, User
from goals.models.alerts import NOT_SENT, TO_BE_SENT
from goals.models.users import MAIN_PORTFOLIO
from goals.services.alert_messages import compose_test
from goals.services.channel_keys import encrypt
from goals.services.deliveries import (
    LONGEST_ERROR,
    Clock,
    retry_dead,
    send_to,
    senders,
)
from goals.services.portfolio_settings import require_time_zone
from mastertrade.db.queue import defer
from mastertrade.db.transactions import atomic
from mastertrade.values import in_text
from mastertrade.values.exceptions import (
    ChannelNotActive,
    InvalidInput,
    NotFound,
    TooManyChannels,
)
from mastertrade.values.in_text import say
from mastertrade.values.validation import refuse, wrong_by

LONGEST_ADDRESS = 2000
LONGEST_SHOWN = 200
SECRET_PATTERN = r"^[\x21-\x7e]{16,200}$"
SECRET_BYTES = 32
QUIET_PATTERN = r"^(?:[01]\d|2[0-3]):[0-5]\d-(?:[01]\d|2[0-3]):[0-5]\d$"
# When a daily digest is sent by default.
DIGEST_AT = time(8)
# A web request waits no longer for a receiver: less than a delivery does.
TEST_SECONDS = 4.0
# Settings by which what waits is judged anew.
OF_TIMES = frozenset(
    {"quiet_hours", "time_zone", "digest", "digest_at", "per_minute", "is_active"}
)


def with_counts(channels: QuerySet[AlertChannel]) -> QuerySet[AlertChannel]:
    """Each with how many deliveries wait and how many are dead."""
    return channels.annotate(
        waiting=_count(TO_BE_SENT), dead=_count([DeliveryState.DEAD])
    )


def _count(states: Iterable[DeliveryState]) -> Coalesce:
    """By the index of what was not sent: what was is by far the most."""
    found = AlertDelivery.objects.filter(
        channel=OuterRef("pk"), state__in=_words(states)
    )
    counted = found.order_by().values("channel").annotate(n=Count("*")).values("n")
    return Coalesce(Subquery(counted), 0)


def find_wrong_channel(fields: Mapping[str, Any]) -> Iterator[InvalidInput]:
    """What is wrong with a new channel's settings, without the database."""
    kind = fields.get("kind")
    if kind is not None and "address" in fields:
        yield from wrong_by(CHANNELS[ChannelKind(kind)].check, fields["address"])
    if kind is not None and kind != ChannelKind.WEBHOOK and fields.get("secret"):
        yield InvalidInput("secret", "Only a webhook has one: it signs with it.")
    if kind is not None and fields.get("per_minute") is not None:
        most = CHANNELS[ChannelKind(kind)].most_per_minute
        if not 1 <= fields["per_minute"] <= most:
            yield InvalidInput(
                "per_minute", f"Must be from 1 to {most} messages for kind {kind}."
            )
    yield from _wrong_times(fields)


def _wrong_times(fields: Mapping[str, Any]) -> Iterator[InvalidInput]:
    if fields.get("time_zone") is not None:
        yield from wrong_by(require_time_zone, fields["time_zone"])
    quiet = fields.get("quiet_hours")
    if quiet is not None and re.match(QUIET_PATTERN, quiet) is None:
        yield InvalidInput(
            "quiet_hours", "Must be two times of day, such as 22:00-07:00, or null."
        )
    elif quiet is not None and len(set(quiet.split("-"))) == 1:
        yield InvalidInput("quiet_hours", "Must not end when they begin.")
    at = fields.get("digest_at")
    if at is not None and (at.second or at.microsecond):
        yield InvalidInput("digest_at", "Must be a whole minute, such as 08:00.")
    if at is not None and fields.get("digest", Digest.OFF) != Digest.DAILY:
        yield InvalidInput("digest_at", "Only a daily digest has a time.")


def create_channel(
    *, user: User, kind: str, address: str, now: datetime, **given: Any
) -> tuple[AlertChannel, str | None]:
    """A new channel, and the secret that was made for its webhook, None otherwise.

    `given`: name, secret, kinds, quiet_hours (22:00-07:00), time_zone, digest,
    digest_at, per_minute, is_active. Raises `InvalidInput` and `TooManyChannels`.
    """
    refuse(find_wrong_channel({"kind": kind, "address": address, **given}))
    _check_by_library(kind, address)
    made = None
    if kind == ChannelKind.WEBHOOK and not given.get("secret"):
        given["secret"] = made = secrets.token_urlsafe(SECRET_BYTES)
    channel = AlertChannel(user=user, kind=kind, created_at=now)
    _insert(channel, {"address": address, **given})
    return channel, made


@atomic
def _insert(channel: AlertChannel, given: Mapping[str, Any]) -> None:
    _require_room(channel.user)
    if "time_zone" not in given:
        main = channel.user.portfolios.get(name=MAIN_PORTFOLIO)
        channel.time_zone = main.time_zone
    _set(channel, given)
    channel.save(force_insert=True)


def update_channel(
    *, user: User, channel_id: int, now: datetime, **changes: Any
) -> AlertChannel:
    """Change settings, as for a new one; what is not given stays.

    A channel that is switched off skips what waits. Raises `NotFound`.
    """
    if "address" in changes:
        channel = _find(AlertChannel.objects.all(), user, channel_id)
        refuse(find_wrong_change(channel, changes))
        _check_by_library(channel.kind, changes["address"])
    return _update(user, channel_id, now, changes)


@atomic
def _update(
    user: User, channel_id: int, now: datetime, changes: Mapping[str, Any]
) -> AlertChannel:
    channel = _lock(user, channel_id)
    refuse(find_wrong_change(channel, changes))
    was_active = channel.is_active
    _set(channel, changes)
    channel.save()
    if not (was_active and channel.is_active):
        _open(channel).filter(state__in=_words(TO_BE_SENT)).update(
            state=DeliveryState.SKIPPED, next_try_at=None
        )
    elif OF_TIMES & changes.keys():
        _open(channel).filter(state=DeliveryState.WAITING).update(next_try_at=now)
        defer("deliver", channel_id=channel.pk)
    return channel


def find_wrong_change(
    channel: AlertChannel, changes: Mapping[str, Any]
) -> Iterator[InvalidInput]:
    """What is wrong with changes of a channel's settings."""
    stored = {"kind": channel.kind, "digest": channel.digest}
    yield from find_wrong_channel(stored | dict(changes))


@atomic
def delete_channel(*, user: User, channel_id: int) -> None:
    """With its deliveries; the alerts stay."""
    _lock(user, channel_id).delete()


@atomic
def ask_test(*, user: User, channel_id: int, now: datetime) -> AlertChannel:
    """Have the worker send a test message; the channel's row says what became of it.

    Raises `NotFound`.
    """
    channel = _lock(user, channel_id)
    channel.test_asked_at = now
    channel.save(update_fields=["test_asked_at"])
    defer("test_channel", channel_id=channel.pk)
    return channel


def send_test(channel: AlertChannel, *, clock: Clock) -> tuple[bool, str]:
    """Send a message at once: whether it was sent, and what the receiver answered.

    Also to a channel that is switched off. The channel's row keeps the result.
    """
    words = compose_test(channel.name or f"the channel {channel}")
    try:
        sent, answer = True, send_to(channel, words, seconds=TEST_SECONDS)
    except NotSent as error:
        sent, answer = False, error.reason
    except Busy:
        sent, answer = False, "Other messages are being sent; try again in a moment."
    except Exception as error:
        _write_test(
            channel, clock(), False, f"Sending failed ({type(error).__name__})."
        )
        raise
    _write_test(channel, clock(), sent, answer)
    return sent, answer


def _write_test(channel: AlertChannel, at: datetime, sent: bool, answer: str) -> None:
    """Not before it was asked for: another process's clock may be ahead."""
    AlertChannel.objects.filter(pk=channel.pk).update(
        tested_at=Greatest(Value(at, DateTimeField()), "test_asked_at"),
        test_sent=sent,
        test_answer=answer[:LONGEST_ERROR],
    )


@atomic
def retry_channel(*, user: User, channel_id: int, now: datetime) -> int:
    """Try all that is dead again; how many. Raises `ChannelNotActive`, `NotFound`."""
    channel = _lock(user, channel_id)
    if not channel.is_active:
        raise ChannelNotActive(
            say(
                "The channel is switched off. Switch it on first{}.",
                in_text.call(": PATCH is_active true"),
            )
        )
    return retry(_open(channel), now)


@atomic
def retry(deliveries: QuerySet[AlertDelivery], now: datetime) -> int:
    """Those of them that are dead are tried again; how many."""
    channels = retry_dead(deliveries, now)
    for channel_id in sorted(set(channels)):
        defer("deliver", channel_id=channel_id)
    return len(channels)


def quiet_hours_of(channel: AlertChannel) -> str | None:
    """As they are given: 22:00-07:00."""
    if channel.quiet_from is None or channel.quiet_until is None:
        return None
    return f"{channel.quiet_from:%H:%M}-{channel.quiet_until:%H:%M}"


def _check_by_library(kind: str, address: str) -> None:
    """Outside of a transaction: it takes a second, and may take four."""
    if CHANNELS[ChannelKind(kind)].check_guarded is None:
        return
    try:
        senders().check(kind=kind, address=address, seconds=TEST_SECONDS)
    except (NotSent, Busy):
        raise InvalidInput(
            "address", "Could not be checked in time; send it again."
        ) from None


def _set(channel: AlertChannel, given: Mapping[str, Any]) -> None:
    values = dict(given)
    if "address" in values:
        shown = CHANNELS[ChannelKind(channel.kind)].check(values["address"])
        channel.masked_address = shown[:LONGEST_SHOWN]
        values["address"] = encrypt(values["address"])
    if secret := values.pop("secret", None):
        channel.secret = encrypt(secret)
    if "quiet_hours" in values:
        quiet = values.pop("quiet_hours")
        begin, end = (
            (None, None) if quiet is None else map(time.fromisoformat, quiet.split("-"))
        )
        channel.quiet_from, channel.quiet_until = begin, end
    if values.get("kinds") is not None:
        values["kinds"] = sorted(set(values["kinds"]))
    for name, value in values.items():
        setattr(channel, name, value)
    if channel.digest == Digest.DAILY:
        channel.digest_at = channel.digest_at or DIGEST_AT
    else:
        channel.digest_at = None


def _require_room(user: User) -> None:
    """Until the transaction ends, no other counts the user's."""
    User.objects.select_for_update(no_key=True).only("pk").get(pk=user.pk)
    most = settings.CHANNELS_PER_USER
    if AlertChannel.objects.filter(user=user).count() >= most:
        raise TooManyChannels(
            f"You have {most} alert channels, and no more are allowed. Delete one that "
            "you no longer use."
        )


def _lock(user: User, channel_id: int) -> AlertChannel:
    locked = AlertChannel.objects.select_for_update(no_key=True)
    return _find(locked, user, channel_id)


def _find(
    channels: QuerySet[AlertChannel], user: User, channel_id: int
) -> AlertChannel:
    channel = channels.filter(user=user, pk=channel_id).first()
    if channel is None:
        raise NotFound(f"You have no channel {channel_id}.")
    return channel


def _open(channel: AlertChannel) -> QuerySet[AlertDelivery]:
    """What of its deliveries has neither been sent nor skipped."""
    return AlertDelivery.objects.filter(channel=channel, state__in=_words(NOT_SENT))


def _words(states: Iterable[DeliveryState]) -> list[str]:
    return [str(state) for state in states]
