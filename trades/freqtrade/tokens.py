"""The tokens of webhooks: issued, found again, revoked."""

import hashlib
import re
import secrets
from datetime import datetime

from django.db.models import Q

from goals.models import ApiToken, User
from goals.services.portfolios import lock_portfolio
from goals.services.sign_ins import require_room_for_token
from mastertrade.db.transactions import atomic
from mastertrade.values.exceptions import InvalidInput, NotFound
from strategies.models import StrategyInstance
from strategies.services import no_strategy
from trades.models import WebhookToken
from trades.models.webhooks import BOT_PATTERN

TOKEN_BYTES = 32
KEY_LENGTH = 8


class TokenRevoked(NotFound):
    """The API token that a webhook is issued with works no longer."""


@atomic
def issue_webhook(
    *,
    user: User,
    bot: str,
    strategy_id: str,
    now: datetime,
    portfolio: int | str | None = None,
    api_token: ApiToken | None = None,
) -> tuple[WebhookToken, str]:
    """Let a bot send its fills; returns the row and the token, which is not kept.

    Several tokens of one bot are the same bot, so that one can replace another. With an
    `api_token` it works as long as that does. Raises `TokenRevoked` where that was.
    """
    if api_token is not None:
        valid = ApiToken.objects.select_for_update(no_key=True).filter(pk=api_token.pk)
        if not valid.exists():
            raise TokenRevoked("The API token has been revoked.")
    if re.fullmatch(BOT_PATTERN.strip("^$"), bot) is None:
        raise InvalidInput("bot", "must be up to 50 letters, digits, dots or dashes.")
    mine = WebhookToken.objects.filter(user_id=user.username)
    require_room_for_token(user, mine)
    locked = lock_portfolio(user=user, portfolio=portfolio)
    tradable = StrategyInstance.objects.tradable_in(locked)
    if not tradable.filter(strategy_id=strategy_id).exists():
        raise no_strategy("strategy_id", tradable, strategy_id)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    row = WebhookToken.objects.create(
        user=user,
        portfolio=locked,
        strategy_id=strategy_id,
        bot=bot,
        api_token=api_token,
        token_key=token[:KEY_LENGTH],
        token_digest=digest_of(token),
        created_at=now,
    )
    return row, token


def find_webhook(token: str, now: datetime) -> WebhookToken:
    """The row of a token; `NotFound` where there is none, or it works no longer."""
    lasting = Q(api_token__expiry=None) | Q(api_token__expiry__gte=now)
    found = (
        WebhookToken.objects.select_related("user")
        .filter(lasting, token_digest=digest_of(token), user__is_active=True)
        .first()
    )
    if found is None:
        raise NotFound("There is no such webhook.")
    return found


def digest_of(token: str) -> str:
    """Of 256 random bits, so nobody guesses it back and no salt is needed."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
