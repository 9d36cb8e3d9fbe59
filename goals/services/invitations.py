"""Invitations: made by who may add users, accepted once by who has the link."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from goals.models import Invitation, User
from mastertrade.db.transactions import atomic
from mastertrade.values.exceptions import InvalidInput, NotFound, TooManyTokens

TOKEN_BYTES = 32
# Open ones of a person, and the days that one may be open.
MOST_OPEN = 50
MOST_DAYS = 30
NOT_VALID = (
    "This invitation is not valid: it was used or revoked, or it has expired. Ask for "
    "another one."
)


def may_invite(user: Any) -> bool:
    """Staff who may add users: an invitation makes one."""
    return bool(user.is_staff and user.has_perm("goals.add_user"))


def open_invitations(now: datetime) -> QuerySet[Invitation]:
    return Invitation.objects.filter(accepted_at=None, expires_at__gt=now)


@atomic
def invite(
    *, by: User, days: int, now: datetime, email: str = ""
) -> tuple[Invitation, str]:
    """An invitation and the token of its link, which is not kept.

    Raises `TooManyTokens` where as many are open as one may have.
    """
    if not 1 <= days <= MOST_DAYS:
        raise InvalidInput("days", f"must be from 1 to {MOST_DAYS}.")
    User.objects.select_for_update(no_key=True).only("pk").get(pk=by.pk)
    if open_invitations(now).filter(invited_by=by).count() >= MOST_OPEN:
        raise TooManyTokens(
            f"{MOST_OPEN} of your invitations are open, and no more are allowed. "
            "Revoke one, or wait until one is used or has expired."
        )
    token = secrets.token_urlsafe(TOKEN_BYTES)
    made = Invitation.objects.create(
        invited_by=by,
        email=email,
        token_digest=digest_of(token),
        created_at=now,
        expires_at=now + timedelta(days=days),
    )
    return made, token


def revoke_invitation(*, by: User, invitation_id: int) -> None:
    """Delete one of theirs that nobody has accepted; `NotFound` if there is none."""
    mine = Invitation.objects.filter(invited_by=by, accepted_at=None, pk=invitation_id)
    if not mine.delete()[0]:
        raise NotFound(f"You have no open invitation {invitation_id}.")


def find_invitation(token: str, now: datetime) -> Invitation:
    """The open invitation of a link; `NotFound` where there is none."""
    found = open_invitations(now).filter(token_digest=digest_of(token)).first()
    if found is None:
        raise NotFound(NOT_VALID)
    return found


@atomic
def accept_invitation(
    *, token: str, username: str, password: str, now: datetime
) -> User:
    """Make the account, and use up the invitation; both or neither.

    The caller has checked the name and the password. Raises `NotFound` for a link that
    somebody else has just used.
    """
    mine = open_invitations(now).select_for_update()
    invitation = mine.filter(token_digest=digest_of(token)).first()
    if invitation is None:
        raise NotFound(NOT_VALID)
    user: User = User.objects.create_user(
        username, email=invitation.email, password=password
    )
    invitation.accepted_at, invitation.accepted_as = now, user.username
    invitation.save(update_fields=["accepted_at", "accepted_as"])
    return user


def digest_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
