"""Sending alerts to their channels, at least once each, and writing what became of it.

One call at a time sends to a channel: it takes the channel until a time. What was sent
is written at once after it, so that a call that is killed leaves at most one message to
be sent twice. No transaction is open meanwhile.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import cache

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.expressions import CombinedExpression, Value
from django.db.models.fields.json import JSONField

from goals.channels import CHANNELS
from goals.channels.channel import Message, NotSent
from goals.channels.senders import Busy, Senders
from goals.decisions.delivery_times import (
    DeliveryTimes,
    digest_moments,
    quiet_until,
    wait_after,
)
from goals.enums import ChannelKind, DeliveryState, Digest, Severity
from goals.models import AlertChannel, AlertDelivery, User
from goals.services.alert_messages import compose
from goals.services.channel_keys import UNREADABLE, AddressUnreadable, decrypt
from mastertrade.db.queue import drop_waiting
from mastertrade.db.transactions import atomic

# Read at once; also the most alerts in one message of a digest.
BATCH = 100
# A channel whose messages take long lets others go on after this.
TURN = timedelta(seconds=10)
# Longer than a turn and one more message take, which may wait 10 s for a sender, 20 s
# until it is started and 10 s for an answer: what a killed call took is free then.
TAKEN_FOR = timedelta(seconds=60)
WINDOW = timedelta(minutes=1)
LONGEST_ERROR = 500

Clock = Callable[[], datetime]


def deliver(
    channel_id: int, *, clock: Clock, stopping: Callable[[], bool] = lambda: False
) -> bool:
    """Send what is due to a channel; whether more is due at once.

    Nothing is done where another call sends to it, or it is switched off. `stopping` is
    asked between messages. What is due later is found by `find_due_channels`.
    """
    channel = _take(channel_id, clock())
    if channel is None:
        return False
    try:
        _send_due(channel, clock, stopping)
    finally:
        _leave(channel)
    # Only now: whoever added some before was turned away.
    return _room(channel, clock()) > 0 and _due(channel, clock()).exists()


def find_due_channels(now: datetime) -> list[int]:
    """Channels with something due that nobody sends to: one statement."""
    return list(
        _deliverable(now).order_by("channel_id").values_list("channel_id", flat=True)
    )


def send_to(channel: AlertChannel, message: Message, **options: float) -> str:
    """What the receiver answered; raises `NotSent` or `Busy`."""
    way = CHANNELS[ChannelKind(channel.kind)]
    try:
        address, secret = decrypt(channel.address), decrypt(channel.secret)
    except AddressUnreadable:
        raise NotSent(UNREADABLE, no_answer=True) from None
    if not way.guarded:
        return way.send(address, secret, message, **options)
    return senders().send(
        kind=channel.kind, address=address, secret=secret, message=message, **options
    )


@cache
def senders() -> Senders:
    """This process's; made when the first is needed, after the server has forked."""
    return Senders(private_targets=settings.ALLOW_PRIVATE_TARGETS)


@atomic
def retry_dead(deliveries: QuerySet[AlertDelivery], now: datetime) -> list[int]:
    """Try dead deliveries again from the first wait on; the channels they go to."""
    dead = deliveries.filter(
        state=DeliveryState.DEAD, channel__is_active=True
    ).select_for_update(of=("self",), no_key=True)
    found = list(dead.order_by("pk").values_list("pk", "channel_id"))
    AlertDelivery.objects.filter(pk__in=[pk for pk, _ in found]).update(
        state=DeliveryState.WAITING, attempts=0, tried_at=None, next_try_at=now
    )
    return [channel_id for _, channel_id in found]


def times_of(channel: AlertChannel) -> DeliveryTimes:
    return DeliveryTimes(
        time_zone=channel.time_zone,
        quiet_from=channel.quiet_from,
        quiet_until=channel.quiet_until,
        digest=Digest(channel.digest),
        digest_at=channel.digest_at,
    )


def _deliverable(now: datetime) -> QuerySet[AlertChannel]:
    due = AlertDelivery.objects.to_be_sent().filter(
        channel_id=OuterRef("pk"), next_try_at__lte=now
    )
    free = Q(delivering_until=None) | Q(delivering_until__lt=now)
    # No join: an UPDATE with one asks a subquery, which sees what was before it waited
    # for another's, and so two would take the same channel.
    user = User.objects.filter(username=OuterRef("user_id"), is_active=True)
    return AlertChannel.objects.filter(free, Exists(due), Exists(user), is_active=True)


def _take(channel_id: int, now: datetime) -> AlertChannel | None:
    """The channel, for this call alone; None where there is nothing to do."""
    this = _deliverable(now).filter(pk=channel_id)
    until = now + TAKEN_FOR
    if not this.update(delivering_until=until):
        return None
    return AlertChannel.objects.filter(pk=channel_id, delivering_until=until).first()


def _leave(channel: AlertChannel) -> None:
    """Let others take it, unless one has already, since this call took too long."""
    taken = AlertChannel.objects.filter(
        pk=channel.pk, delivering_until=channel.delivering_until
    )
    taken.update(delivering_until=None)


def _due(channel: AlertChannel, now: datetime) -> QuerySet[AlertDelivery]:
    waiting = AlertDelivery.objects.to_be_sent()
    return waiting.filter(channel_id=channel.pk, next_try_at__lte=now)


def _send_due(
    channel: AlertChannel, clock: Clock, stopping: Callable[[], bool]
) -> None:
    begin = clock()
    # Each alert has a job: what they were deferred for is all sent by this call.
    drop_waiting("deliver", channel_id=channel.pk)
    _postpone(channel, begin)
    for group in _groups(channel, begin):
        # A process that was stopped meanwhile finds its turn over.
        if stopping() or clock() - begin > TURN:
            return
        group = _still_wanted(group)
        if group and not _send(group[0].channel, group, clock):
            return


def _postpone(channel: AlertChannel, now: datetime) -> None:
    """Put off what is not critical: to the end of quiet hours, to the next digest."""
    times = times_of(channel)
    usual = _due(channel, now).exclude(alert__severity=Severity.CRITICAL)
    quiet = quiet_until(times, now)
    if quiet is not None:
        usual.update(next_try_at=quiet)
        return
    moments = digest_moments(times, now)
    if moments is not None:
        last, following = moments
        usual.filter(alert__created_at__gte=last).update(next_try_at=following)


def _groups(channel: AlertChannel, now: datetime) -> Iterator[list[AlertDelivery]]:
    """What goes into one message each: critical ones first, and by their age."""
    room = _room(channel, now)
    if room < 1:
        return
    due = _due(channel, now).order_by("pk")
    critical = list(due.filter(alert__severity=Severity.CRITICAL)[: min(BATCH, room)])
    yield from ([one] for one in critical)
    room -= len(critical)
    if room < 1:
        return
    usual = due.exclude(alert__severity=Severity.CRITICAL)
    if channel.digest != Digest.OFF:
        found = list(usual[:BATCH])
        if found:
            yield found
        return
    yield from ([one] for one in usual[: min(BATCH, room)])


def _still_wanted(group: Sequence[AlertDelivery]) -> list[AlertDelivery]:
    """Without what was skipped or deleted since; with the channel as it is now."""
    now = AlertDelivery.objects.to_be_sent().filter(pk__in=[one.pk for one in group])
    return list(now.select_related("alert", "channel").order_by("pk"))


def _room(channel: AlertChannel, now: datetime) -> int:
    """How many more messages may be sent in this minute."""
    sent = AlertDelivery.objects.filter(
        channel_id=channel.pk, tried_at__gt=now - WINDOW
    )
    return channel.per_minute - sent.values("tried_at").distinct().count()


def _send(channel: AlertChannel, group: Sequence[AlertDelivery], clock: Clock) -> bool:
    """Send one message and write what became of it; whether to go on with the next."""
    try:
        send_to(channel, compose(group))
    except Busy:
        return False
    except NotSent as error:
        at = clock()
        _write_failure(group, at, error.reason)
        if error.no_answer:
            # Another message would fare no better, and each may take ten seconds.
            rest = list(_due(channel, at).order_by("pk")[:BATCH])
            words = f"Not tried, as one before it failed: {error.reason}"
            _write_failure(rest, at, words)
        return not error.no_answer
    except Exception as error:
        # No receiver's fault: counted, so that it comes to an end, and reported.
        _write_failure(group, clock(), f"Sending failed ({type(error).__name__}).")
        raise
    at = clock()
    AlertDelivery.objects.filter(pk__in=[one.pk for one in group]).update(
        state=DeliveryState.SENT,
        attempts=F("attempts") + 1,
        tried_at=at,
        sent_at=at,
        next_try_at=None,
        last_error="",
        tries=_with_try(at, ""),
    )
    return True


def _write_failure(
    deliveries: Sequence[AlertDelivery], at: datetime, reason: str
) -> None:
    """One statement for each number of attempts that there were before."""
    error = reason[:LONGEST_ERROR]
    for attempts in sorted({one.attempts for one in deliveries}):
        keys = [one.pk for one in deliveries if one.attempts == attempts]
        wait = wait_after(attempts + 1)
        # What was switched off meanwhile stays skipped.
        AlertDelivery.objects.to_be_sent().filter(pk__in=keys).update(
            state=DeliveryState.DEAD if wait is None else DeliveryState.FAILED,
            attempts=attempts + 1,
            tried_at=at,
            next_try_at=None if wait is None else at + wait,
            last_error=error,
            tries=_with_try(at, error),
        )


def _with_try(at: datetime, error: str) -> CombinedExpression:
    """`tries` and one more."""
    added = [{"at": at.isoformat(), "error": error}]
    return CombinedExpression(
        F("tries"), "||", Value(added, JSONField()), output_field=JSONField()
    )
