"""What the database itself refuses of webhooks."""

from typing import Any

import pytest
from django.utils import timezone

from mastertrade.tests.schema import (
    constraint_that_refuses,
    constraints_of,
    execute,
)
from strategies.tests.factories import StrategyFactory
from trades.freqtrade.tokens import issue_webhook
from trades.models import Trade, WebhookFill, WebhookToken
from trades.tests.factories import TradeFactory

pytestmark = pytest.mark.django_db

TOKENS, FILLS = "webhook_tokens", "webhook_fills"
REFUSED = [
    ("webhook_tokens_bot", TOKENS, "bot = ''"),
    ("webhook_tokens_bot", TOKENS, "bot = 'a b'"),
    ("webhook_tokens_bot", TOKENS, "bot = E'a\\n'"),
    ("webhook_tokens_bot", TOKENS, "bot = '-a'"),
    ("webhook_tokens_user_fk", TOKENS, "user_id = 'nobody'"),
    ("webhook_tokens_portfolio_fk", TOKENS, "portfolio_id = 0"),
    ("webhook_tokens_api_token_fk", TOKENS, "api_token_id = 'nothing'"),
    ("webhook_tokens_strategy_fk", TOKENS, "strategy_id = 'nothing'"),
    ("webhook_tokens_strategy_fk", TOKENS, "strategy_id = 'theirs'"),
    ("webhook_tokens_digest_unique", TOKENS, "token_digest = 'one'"),
    ("webhook_fills_kind", FILLS, "kind = 'both'"),
    ("webhook_fills_bot_trade_id_positive", FILLS, "bot_trade_id = 0"),
    ("webhook_fills_portfolio_fk", FILLS, "portfolio_id = 0"),
    ("webhook_fills_trade_fk", FILLS, "trade_id = 0"),
    ("webhook_fills_unique", FILLS, "digest = 'one'"),
]


@pytest.fixture
def trade() -> Trade:
    """A trade with two tokens of a bot, and two fills of it."""
    trade: Trade = TradeFactory()
    StrategyFactory(strategy_id="theirs")
    fields: dict[str, Any] = {"bot": "bot-1", "strategy_id": trade.strategy_id}
    for digest in ("first", "second"):
        issue_webhook(
            user=trade.user,
            portfolio=trade.portfolio_id,
            now=timezone.now(),
            **fields,
        )
        WebhookFill.objects.create(
            portfolio=trade.portfolio,
            bot="bot-1",
            bot_trade_id=1,
            kind="entry",
            digest=digest,
            message={},
            trade=trade,
            created_at=timezone.now(),
        )
    return trade


@pytest.mark.parametrize(("name", "table", "change"), REFUSED)
def test_the_database_refuses(trade: Trade, name: str, table: str, change: str) -> None:
    assert constraint_that_refuses(f"UPDATE {table} SET {change}") == name


def test_every_constraint_is_proven() -> None:
    assert constraints_of([TOKENS, FILLS]) == {name for name, *_ in REFUSED}


def test_a_deleted_trade_takes_its_fills_along(trade: Trade) -> None:
    execute("DELETE FROM trades")
    assert WebhookFill.objects.count() == 0
    assert WebhookToken.objects.count() == 2


def test_deleting_a_portfolio_by_hand_takes_everything_along(trade: Trade) -> None:
    execute("DELETE FROM trades")
    execute("DELETE FROM portfolios WHERE portfolio_id = %s", trade.portfolio_id)
    assert WebhookToken.objects.count() == 0


def test_a_deleted_strategy_takes_its_tokens_along(trade: Trade) -> None:
    execute("DELETE FROM strategy_instances")
    assert WebhookToken.objects.count() == 0
