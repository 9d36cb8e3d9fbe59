"""Guessing passwords is slow: from an address, at a name from it, and at a name.

A try is taken before the password is looked at and given back when it was right, so
that many at once get no more than many one after the other. Right ones cost work too:
of them there are more, and they are not given back. Each statement is its own
transaction: no two rows are ever locked together.
"""

import hashlib
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.models import QuerySet

from goals.models import ApiToken, KnownAddress, SignInCount, User
from mastertrade.db.transactions import atomic
from mastertrade.values.exceptions import TooManyTokens
from mastertrade.web.addresses import normalized_address


@dataclass(frozen=True, slots=True)
class Limit:
    """`tries` passwords in `seconds`, counted from the first."""

    tries: int
    seconds: int


BY_ADDRESS = Limit(50, 900)
BY_NAME_AND_ADDRESS = Limit(10, 900)
# Anybody can use up a name's tries, so it is a short wait, and none for an address
# that signed in as that name within `KNOWN_DAYS`.
BY_NAME = Limit(10, 60)
KNOWN_DAYS = 30
# Right passwords and wrong ones together.
ALL_BY_ADDRESS = Limit(300, 900)
ALL_BY_NAME_AND_ADDRESS = Limit(100, 900)
# Visits of an address to a page that a link alone opens, or that has one sent.
BY_LINK = Limit(30, 900)
MOST_KNOWN_ADDRESSES = 20
# Each try deletes up to this many counts that are over: more than it can add.
SWEPT_AT_ONCE = 20

TAKE = """
INSERT INTO sign_in_counts AS c (key, tries, ends_at)
VALUES (%(key)s, 1, %(ends_at)s)
ON CONFLICT (key) DO UPDATE
SET tries = CASE WHEN c.ends_at <= %(now)s THEN 1 ELSE c.tries + 1 END,
    ends_at = CASE WHEN c.ends_at <= %(now)s THEN excluded.ends_at ELSE c.ends_at END
WHERE c.ends_at <= %(now)s OR c.tries < %(limit)s
RETURNING tries
"""
GIVE_BACK = """
UPDATE sign_in_counts SET tries = tries - 1 WHERE key = %(key)s AND tries > 0
"""
FORGET = "DELETE FROM sign_in_counts WHERE key = %(key)s AND tries = 0"
SWEEP = """
DELETE FROM sign_in_counts WHERE key IN (
    SELECT key FROM sign_in_counts WHERE ends_at <= %(now)s
    ORDER BY ends_at LIMIT %(at_once)s FOR UPDATE SKIP LOCKED
)
"""


@dataclass(frozen=True, slots=True)
class Refused:
    """Too many passwords came before; `wait_seconds` until the next is looked at."""

    wait_seconds: int
    were_right: bool = False


@dataclass(frozen=True, slots=True)
class Try:
    """A try that was taken, to be ended with `forgive` when the password is right."""

    name: str
    address: str
    keys: tuple[str, ...]  # of wrong passwords


def take_try(*, name: str, address: str, now: datetime) -> Try | Refused:
    """Count a try at the name from the address, unless there were too many.

    Names that nobody has are counted like others, so that they cannot be distinguished.
    """
    name, address = normalized_name(name), normalized_address(address)
    wrong, each = _limits(name, address, known=is_known(name, address, now))
    _execute(SWEEP, now=now, at_once=SWEPT_AT_ONCE)
    taken: list[str] = []
    for key, limit in (wrong | each).items():
        if not _take(key, limit, now):
            _give_back(tuple(taken))
            return Refused(_wait(key, now), were_right=key in each)
        taken.append(key)
    return Try(name, address, tuple(wrong))


def find_refusal(
    *, name: str, address: str, known: bool, now: datetime
) -> Refused | None:
    """What `take_try` would refuse with now, counting nothing; one statement."""
    name, address = normalized_name(name), normalized_address(address)
    wrong, each = _limits(name, address, known=known)
    limits = wrong | each
    counts = SignInCount.objects.filter(key__in=limits, ends_at__gt=now)
    for count in counts:
        if count.tries >= limits[count.key].tries:
            wait = ceil((count.ends_at - now).total_seconds())
            return Refused(max(wait, 1), were_right=count.key in each)
    return None


def take_visit(door: str, who: str, limit: Limit, now: datetime) -> Refused | None:
    """Count a visit where no password is asked for; `who` is one normalized address."""
    _execute(SWEEP, now=now, at_once=SWEPT_AT_ONCE)
    key = _key("visits", door, who)
    return None if _take(key, limit, now) else Refused(_wait(key, now))


def forgive(this: Try, user: User, now: datetime) -> None:
    """The password was right: it counts for nothing, and its address is known."""
    _give_back(this.keys)
    SignInCount.objects.filter(key=_key("both", this.name, this.address)).delete()
    KnownAddress.objects.update_or_create(
        user=user, address=this.address, defaults={"signed_in_at": now}
    )
    known = KnownAddress.objects.filter(user=user).order_by("-signed_in_at")
    oldest = known.values("pk")[MOST_KNOWN_ADDRESSES:]
    KnownAddress.objects.filter(pk__in=oldest).delete()


@atomic
def issue_token(
    *, user: User, name: str = "", days: int | None = None
) -> tuple[ApiToken, str]:
    """A token of the user's bots; returns the row and the secret, which is not kept.

    Raises `TooManyTokens` where the user has `settings.TOKENS_PER_USER` already.
    """
    require_room_for_token(user, ApiToken.objects.filter(user=user))
    expiry = timedelta(days=days) if days else None
    row, secret = ApiToken.objects.create(user=user, name=name, expiry=expiry)
    return row, secret


def require_room_for_token(user: User, tokens: QuerySet[Any]) -> None:
    """Raise `TooManyTokens` unless the user may have one more of a kind.

    Until the transaction ends, no other counts the user's.
    """
    User.objects.select_for_update(no_key=True).only("pk").get(pk=user.pk)
    most = settings.TOKENS_PER_USER
    if tokens.count() >= most:
        raise TooManyTokens(
            f"You have {most} already, and no more are allowed. Revoke one that you "
            "no longer use."
        )


def forget_sessions(as_of: datetime) -> int:
    """Delete the sessions of browsers that have expired; returns how many."""
    return int(Session.objects.filter(expire_date__lt=as_of).delete()[0])


def revoke_tokens(user: User) -> int:
    """Revoke all of a user's API tokens; returns how many there were."""
    tokens = ApiToken.objects.filter(user=user)
    return int(tokens.delete()[0])


def normalized_name(name: str) -> str:
    """As the sign-in forms read it: blanks around it make no other name.

    What PostgreSQL cannot hold is replaced: no user has it in a name.
    """
    storable = name.replace("\0", "?").encode("utf-8", "replace").decode()
    return unicodedata.normalize("NFKC", storable).strip()


def _give_back(keys: tuple[str, ...]) -> None:
    for key in keys:
        _execute(GIVE_BACK, key=key)
        _execute(FORGET, key=key)


def is_known(name: str, address: str, now: datetime) -> bool:
    """Whether the address signed in as that name lately; both normalized."""
    return KnownAddress.objects.filter(
        user__username=name,
        address=address,
        signed_in_at__gt=now - timedelta(days=KNOWN_DAYS),
    ).exists()


def _limits(
    name: str, address: str, *, known: bool
) -> tuple[dict[str, Limit], dict[str, Limit]]:
    """By the key of their count: those of wrong passwords, and those of all."""
    wrong = {
        _key("address", address): BY_ADDRESS,
        _key("both", name, address): BY_NAME_AND_ADDRESS,
    }
    if not known:
        wrong[_key("name", name)] = BY_NAME
    return wrong, {
        _key("all", address): ALL_BY_ADDRESS,
        _key("all", name, address): ALL_BY_NAME_AND_ADDRESS,
    }


def _take(key: str, limit: Limit, now: datetime) -> bool:
    ends_at = now + timedelta(seconds=limit.seconds)
    return _execute(TAKE, key=key, now=now, ends_at=ends_at, limit=limit.tries) > 0


def _wait(key: str, now: datetime) -> int:
    """Whole seconds, at least 1: the count may have ended just now."""
    ends_at = SignInCount.objects.filter(key=key).values_list("ends_at", flat=True)
    return max([1, *(ceil((one - now).total_seconds()) for one in ends_at)])


def _key(*parts: str) -> str:
    text = "\0".join(parts)
    return hashlib.sha256(text.encode()).hexdigest()


def _execute(statement: str, **parameters: str | int | datetime) -> int:
    """How many rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return int(cursor.rowcount)
