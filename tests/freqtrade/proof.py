"""What is proved with freqtrade's own code against a running MasterTrade."""

import time
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db.models import Sum
from django.urls import reverse
from django.utils import timezone

from goals.enums import AfterAchieved, GoalType, Verdict
from goals.models import ApiToken, GoalAdjustmentLog, Portfolio, User
from goals.services.goals import create_goal
from goals.services.portfolios import create_portfolio
from strategies.services import create_strategy
from tests.freqtrade.environment import HERE, Backtest, Freqtrade, backtest
from trades.booking.open import record_closed_trade
from trades.enums import Side, TradeStatus
from trades.freqtrade.tokens import issue_webhook
from trades.importing.import_trades import import_trades
from trades.importing.options import ImportOptions
from trades.models import Position, Trade
from trades.replay.reading import load_prices

INSTRUMENTS = ("AAPL", "IBM", "MSFT")
FIRST_DAY = datetime(2008, 1, 1, tzinfo=UTC)
BASE = Decimal(100)
# What the goal of 5 % earned, by when; the factor of the ladder from then on.
STEPS = (
    (FIRST_DAY, 0, Decimal("1.3")),
    (datetime(2009, 6, 1, tzinfo=UTC), 20, Decimal(1)),
    (datetime(2010, 6, 1, tzinfo=UTC), 25, Decimal("0.7")),
    (datetime(2011, 6, 1, tzinfo=UTC), 10, Decimal(0)),  # achieved: stop
)
# freqtrade buys whole steps of 0.00000001 coins, at up to a few hundred each.
STEP_COST = Decimal("0.00001")
# MasterTrade counts the cost of a quantity of 12 places, to 8 places.
QUANTITY_COST = Decimal("0.00000002")
# The strategy's stoploss, and the steps in which the exchange takes prices.
STOPLOSS = Decimal("0.2")
PRICE_STEP = Decimal("0.01")
STARTING_STAKE = {
    "stake_amount": float(BASE),
    "dry_run_wallet": 100_000,
    "max_open_trades": len(INSTRUMENTS),
    "fee": 0.001,
}


def prove(freqtrade: Freqtrade, address: str, place: Path) -> None:
    """Everything, a line each; an `AssertionError` or `RuntimeError` where it fails."""
    user = User.objects.create_user("bot_owner")
    for name in ("goal_sized", "MomentumBot", "GridBot"):
        create_strategy(
            user=user,
            strategy_id=name,
            strategy_type="momentum",
            now=timezone.now(),
        )
    prove_sizing(freqtrade, address, place, user)
    prove_failing(freqtrade, place)
    for encoding in ("json", "form"):
        prove_webhook(freqtrade, address, place, user, encoding)


def tell(begin: float, text: str) -> None:
    print(f"{time.monotonic() - begin:5.1f} s  {text}", flush=True)


def prove_sizing(freqtrade: Freqtrade, address: str, place: Path, user: User) -> None:
    """Every stake of a backtest is the base times the factor of its day."""
    begin = time.monotonic()
    portfolio = set_goal(user)
    _, token = ApiToken.objects.create(user=user)
    result = run(
        freqtrade,
        place / "sized",
        MASTERTRADE_URL=address,
        MASTERTRADE_TOKEN=token,
    )
    decisions = {
        (row.symbol, row.as_of): row
        for row in GoalAdjustmentLog.objects.filter(portfolio=portfolio)
    }
    for trade in result.trades:
        at = datetime.fromisoformat(trade["open_date"])
        decision = decisions[trade["pair"], at]
        assert decision.base_size == BASE, decision
        assert decision.adjustment_factor == factor_at(at), (at, decision.reason)
        size = BASE * factor_at(at)
        assert 0 <= size - decision.adjusted_size <= QUANTITY_COST, decision
        stop = Decimal(decision.inputs["request"]["stop_price"])
        set_by_freqtrade = Decimal(repr(trade["initial_stop_loss_abs"]))
        assert abs(stop - set_by_freqtrade) <= PRICE_STEP, (trade, stop)
        loss = decision.adjusted_size * STOPLOSS
        risk = Decimal(decision.answer["risk_amount"])
        assert abs(loss - risk) <= STEP_COST, decision
        stake = Decimal(repr(trade["stake_amount"]))
        assert 0 <= decision.adjusted_size - stake <= STEP_COST, (trade, decision)
    opened = {
        factor: sum(1 for trade in result.trades if factor_of(trade) == factor)
        for _, _, factor in STEPS
    }
    assert "No answer from MasterTrade" not in result.log
    assert "MasterTrade refused" not in result.log
    blocked = [one for one in decisions.values() if one.verdict == Verdict.BLOCK]
    assert all(opened[factor] for _, _, factor in STEPS[:3]), opened
    assert not opened[Decimal(0)]
    assert blocked
    assert min(one.as_of for one in blocked) >= STEPS[-1][0]
    assert len(decisions) == len(result.trades) + len(blocked)
    sizes = ", ".join(f"{opened[factor]} at {factor}" for _, _, factor in STEPS[:3])
    tell(
        begin,
        f"backtest of {len(INSTRUMENTS)} pairs: {len(result.trades)} trades ({sizes}), "
        f"{len(decisions)} decisions logged, {len(blocked)} of them block",
    )


def set_goal(user: User) -> Portfolio:
    """A goal since 2008 in a portfolio that went towards it step by step."""
    now = timezone.now()
    portfolio = create_portfolio(
        user=user,
        name="crypto",
        currency="USDT",
        opening_balance=Decimal(1000),
        now=now,
    )
    for at, profit, _ in STEPS[1:]:
        record_closed_trade(
            user=user,
            now=now,
            portfolio=portfolio.portfolio_id,
            strategy_id="goal_sized",
            symbol="BTC/USDT",
            side=Side.LONG,
            quantity=Decimal(1),
            entry_price=Decimal(1000),
            entry_time=at,
            exit_price=Decimal(1000 + profit),
            exit_time=at,
        )
    create_goal(
        user=user,
        goal_type=GoalType.YEARLY_RETURN,
        target_value=Decimal(5),
        start_date=FIRST_DAY.date(),
        target_date=date(2199, 12, 31),
        after_achieved=AfterAchieved.STOP,
        portfolio=portfolio.portfolio_id,
        as_of=now,
    )
    return portfolio


def factor_at(at: datetime) -> Decimal:
    return [factor for since, _, factor in STEPS if since <= at][-1]


def factor_of(trade: dict[str, Any]) -> Decimal:
    return factor_at(datetime.fromisoformat(trade["open_date"]))


def run(freqtrade: Freqtrade, place: Path, **environment: str) -> Backtest:
    return backtest(
        freqtrade,
        place,
        {f"{name}/USDT": candles(name) for name in INSTRUMENTS},
        STARTING_STAKE,
        **environment,
    )


def candles(name: str) -> list[list[float]]:
    """Recorded daily prices, as freqtrade keeps candles."""
    return [
        [
            int(bar.opened_at.timestamp() * 1000),
            *map(float, (bar.open, bar.high, bar.low, bar.close, bar.volume)),
        ]
        for bar in load_prices(name).bars
        if bar.opened_at >= FIRST_DAY
    ]


def prove_failing(freqtrade: Freqtrade, place: Path) -> None:
    """Without a server nothing is opened, or everything at the base, as was chosen."""
    away = {"MASTERTRADE_URL": "http://127.0.0.1:9", "MASTERTRADE_TOKEN": "none"}
    for choice, word in (("0", "closed"), ("1", "open")):
        begin = time.monotonic()
        result = run(freqtrade, place / word, FAIL_OPEN=choice, **away)
        stakes = {Decimal(repr(trade["stake_amount"])) for trade in result.trades}
        assert bool(stakes) is (choice == "1"), stakes
        assert all(0 <= BASE - stake <= STEP_COST for stake in stakes), stakes
        assert "No answer from MasterTrade" in result.log
        tell(begin, f"no server, fail {word}: {len(result.trades)} trades")


def prove_webhook(
    freqtrade: Freqtrade, address: str, place: Path, user: User, encoding: str
) -> None:
    """The ledger that the fills make is the one that the bot's database makes."""
    begin = time.monotonic()
    answer, kept = (
        create_portfolio(
            user=user,
            name=f"{word}-{encoding}",
            currency="USDT",
            opening_balance=Decimal(10_000),
            now=timezone.now(),
        )
        for word in ("told", "kept")
    )
    _, token = issue_webhook(
        user=user,
        bot=encoding,
        strategy_id="GridBot",
        portfolio=answer.portfolio_id,
        now=timezone.now(),
    )
    database = place / f"{encoding}.sqlite"
    url = address + reverse("freqtrade-webhook", args=[token])
    printed = freqtrade.run(HERE / "send_fills.py", url, encoding, database, "2")
    assert "Could not call" not in printed, printed
    with database.open("rb") as source:
        report = import_trades(
            user=user,
            portfolio=kept.portfolio_id,
            source=source,
            file_name=database.name,
            format_name="freqtrade",
            now=timezone.now(),
            options=ImportOptions(account=encoding),
        )
    assert not report.refused, report
    assert goal_state(answer) == goal_state(kept)
    assert made(answer) == made(kept)
    tell(
        begin,
        f"webhook, {encoding}: {printed.split()[-1]} messages, each sent twice, make "
        f"{Trade.objects.filter(portfolio=answer).count()} trades and parts",
    )


def made(portfolio: Portfolio) -> dict[str, Decimal]:
    """What every one of the bot's trades made, its parts together."""
    totals: dict[str, Decimal] = {}
    rows = Trade.objects.filter(portfolio=portfolio, status=TradeStatus.CLOSED)
    for name, profit in rows.values_list("external_id").annotate(Sum("profit_loss")):
        key = ":".join(name.split(":")[:3])
        totals[key] = totals.get(key, Decimal(0)) + profit
    return totals


def goal_state(portfolio: Portfolio) -> list[tuple[Any, ...]]:
    """What is open: symbol, side, quantity and entry price."""
    held = Position.objects.filter(portfolio=portfolio, status=TradeStatus.OPEN)
    found = held.order_by("symbol").values_list("symbol", "side", "quantity")
    prices = held.order_by("symbol").values_list("entry_price", flat=True)
    return [(*row, round(price, 8)) for row, price in zip(found, prices, strict=True)]
