"""Importing freqtrade's database; the file was made by freqtrade's own code."""

import hashlib
import io
import shutil
import sqlite3
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db.models import Sum

from goals.models import Portfolio
from goals.services.portfolios import record_cash_flow
from goals.tests.factories import PortfolioFactory
from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.money import MONEY, round_to
from strategies.tests.factories import StrategyFactory
from trades.booking.close import close_trade
from trades.booking.mark import Mark, mark_positions
from trades.booking.reconcile import find_drift
from trades.importing.formats.freqtrade import (
    open_database,
    read_freqtrade,
)
from trades.importing.import_trades import import_trades
from trades.importing.options import ImportOptions
from trades.importing.previewing import ImportReport
from trades.importing.rows import Refusal, TradeRow
from trades.models import Position, Trade

FILE = Path(__file__).parents[1] / "files" / "freqtrade.sqlite"
NOW = datetime(2026, 4, 20, tzinfo=UTC)
OPEN, WITH_PARTS = (9, 10), {4: 2, 5: 2, 6: 1, 10: 1}
CREATED = 16


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The database, to be changed."""
    return Path(shutil.copy(FILE, tmp_path / "bot.sqlite"))


@pytest.fixture
def portfolio(db: None) -> Portfolio:
    portfolio = PortfolioFactory(currency="USDT", opening_balance=Decimal(10_000))
    for name in ("MomentumBot", "GridBot"):
        StrategyFactory(user=portfolio.user, strategy_id=name)
    return portfolio


def change(path: Path, *statements: str) -> Path:
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        for statement in statements:
            database.execute(statement)
    return path


def ask(statement: str, path: Path = FILE) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as database:
        return list(database.execute(statement))


def read(path: Path, **options: Any) -> list[TradeRow | Refusal]:
    with path.open("rb") as source:
        return list(read_freqtrade(source, ImportOptions(**options)))


def bring(portfolio: Portfolio, path: Path = FILE, **options: Any) -> ImportReport:
    return import_trades(
        user=portfolio.user,
        portfolio=portfolio.pk,
        source=io.BytesIO(path.read_bytes()),
        file_name=path.name,
        format_name="freqtrade",
        now=NOW,
        options=ImportOptions(**options),
    )


def counts(report: ImportReport) -> tuple[int, int, int]:
    return report.created, report.known, report.refused


def made(portfolio: Portfolio, key: int) -> Decimal:
    """What a trade made so far, its closed parts included."""
    name = f"freqtrade:main:{key}"
    own = Trade.objects.filter(portfolio=portfolio, external_id__startswith=f"{name}:")
    own |= Trade.objects.filter(portfolio=portfolio, external_id=name)
    total: Decimal | None = own.aggregate(total=Sum("profit_loss"))["total"]
    return total or Decimal(0)


def as_money(value: float | None) -> Decimal:
    return round_to(Decimal(repr(value or 0.0)), MONEY)


def assert_no_drift(portfolio: Portfolio) -> None:
    assert [str(row) for row in find_drift([portfolio.pk])] == []


def test_every_trade_makes_what_freqtrade_says_to_the_last_place(
    portfolio: Portfolio,
) -> None:
    assert counts(bring(portfolio)) == (CREATED, 0, 0)
    for key, answer in ask("SELECT id, close_profit_abs FROM trades WHERE NOT is_open"):
        assert made(portfolio, key) == as_money(answer), key
    for key, answer in ask("SELECT id, realized_profit FROM trades WHERE is_open"):
        assert made(portfolio, key) == as_money(answer), key
    total = ask("SELECT sum(realized_profit) FROM trades")[0][0]
    portfolio.refresh_from_db()
    assert round(portfolio.realized_pnl, 7) == round(as_money(total), 7)
    assert_no_drift(portfolio)


def test_importing_again_adds_nothing(portfolio: Portfolio) -> None:
    bring(portfolio)
    assert counts(bring(portfolio)) == (0, CREATED, 0)


def test_the_same_trades_of_another_account_are_others(portfolio: Portfolio) -> None:
    bring(portfolio)
    assert counts(bring(portfolio, account="second")) == (CREATED, 0, 0)


def test_closed_parts_are_trades_of_their_own_below_the_whole(
    portfolio: Portfolio,
) -> None:
    bring(portfolio)
    for key, parts in WITH_PARTS.items():
        whole = Trade.objects.get(external_id=f"freqtrade:main:{key}")
        names = list(whole.parts.order_by("exit_time").values_list("external_id"))
        assert names == [
            (f"freqtrade:main:{key}:exit-{number}",) for number in range(1, parts + 1)
        ]
    filled = ask(
        "SELECT sum(filled - coalesce(ft_fee_base, 0)) FROM orders "
        "WHERE ft_trade_id = 4 AND ft_order_side = 'sell'"
    )
    whole = Trade.objects.get(external_id="freqtrade:main:4")
    sold = whole.quantity + sum(part.quantity for part in whole.parts.all())
    assert sold == round(Decimal(filled[0][0]), 8)


def test_a_short_keeps_its_side_leverage_funding_and_fees(portfolio: Portfolio) -> None:
    bring(portfolio)
    short = Trade.objects.get(external_id="freqtrade:main:6")
    part = short.parts.get()
    assert (short.side, short.symbol) == ("SHORT", "ETH/USDT:USDT")
    assert short.leverage == part.leverage == 3
    assert (part.funding, short.funding) == (Decimal("0.3127"), Decimal("-0.7751"))
    assert (part.entry_fees, part.exit_fees) == (
        Decimal("1.27775"),
        Decimal("1.250125"),
    )
    assert part.profit_loss == (
        Decimal("0.5") * (Decimal("2555.5") - Decimal("2500.25"))
        - part.fees
        + part.funding
    )


def test_a_fee_that_was_taken_in_the_coin_lessens_the_quantity(
    portfolio: Portfolio,
) -> None:
    bring(portfolio)
    trade = Trade.objects.get(external_id="freqtrade:main:3")
    assert trade.quantity == Decimal("0.3996")


def test_what_is_open_is_held_and_what_was_only_ordered_is_not(
    portfolio: Portfolio,
) -> None:
    bring(portfolio)
    held = Position.objects.filter(portfolio=portfolio, status="open")
    assert sorted(held.values_list("symbol", "quantity", "entry_price")) == [
        ("LTC/USDT", Decimal("3.21"), Decimal("81.34")),
        ("SOL/USDT:USDT", Decimal(9), Decimal("143.75")),
    ]
    assert not Trade.objects.filter(symbol="DOT/USDT").exists()
    # freqtrade keeps no profit of what is open, only of the parts that are closed.
    assert ask("SELECT close_profit_abs FROM trades WHERE id = 9") == [(None,)]


EARLIER = (
    "DELETE FROM orders WHERE ft_trade_id = 4 AND id > 9",
    "UPDATE trades SET is_open = 1, amount = 1277.7, realized_profit = 13.4685828, "
    "close_profit_abs = 13.4685828, close_date = NULL WHERE id = 4",
)


def test_a_later_copy_of_the_database_carries_on_what_was_open(
    portfolio: Portfolio, copy: Path
) -> None:
    assert counts(bring(portfolio, change(copy, *EARLIER))) == (CREATED - 1, 0, 0)
    assert made(portfolio, 4) == Decimal("13.46858280")
    assert Trade.objects.get(external_id="freqtrade:main:4").is_open
    report = bring(portfolio)
    assert (report.created, report.refused) == (1, 0)
    whole = Trade.objects.get(external_id="freqtrade:main:4")
    assert not whole.is_open
    assert made(portfolio, 4) == Decimal("66.84242064")
    assert Position.objects.get(trade=whole).status == "closed"
    assert_no_drift(portfolio)


ENLARGED = (
    "INSERT INTO orders (ft_trade_id, ft_order_side, ft_pair, ft_is_open, ft_amount, "
    "ft_price, order_id, status, symbol, order_type, side, price, average, amount, "
    "filled, remaining, cost, order_date, order_filled_date) "
    "SELECT ft_trade_id, ft_order_side, ft_pair, ft_is_open, ft_amount, ft_price, "
    "'more', status, symbol, order_type, side, price, average, amount, filled, "
    "remaining, cost, '2026-01-06 14:00:00.000000', '2026-01-06 14:00:00.000000' "
    "FROM orders WHERE id = 28",
    "UPDATE trades SET amount = 14, stake_amount = stake_amount + 150.25 * 5, "
    "open_rate = (143.75 * 9 + 150.25 * 5) / 14 WHERE id = 10",
)


def test_what_a_bot_adds_later_shares_what_its_trade_carries(
    portfolio: Portfolio, copy: Path
) -> None:
    bring(portfolio)
    at = datetime(2026, 1, 6, 12, 30, tzinfo=UTC)
    marks = [Mark("SOL/USDT:USDT", Decimal(160), at + timedelta(hours=2))]
    mark_positions(user=portfolio.user, marks=marks, now=NOW)
    record_cash_flow(
        user=portfolio.user,
        portfolio=portfolio.pk,
        amount=Decimal(500),
        at=at,
        now=NOW,
    )
    assert_no_drift(portfolio)
    assert bring(portfolio, change(copy, *ENLARGED)).refused == 0
    assert Trade.objects.get(external_id="freqtrade:main:10").quantity == 14
    assert_no_drift(portfolio)


def test_an_open_trade_can_be_closed_here_and_the_next_import_leaves_it(
    portfolio: Portfolio,
) -> None:
    bring(portfolio)
    trade = Trade.objects.get(external_id="freqtrade:main:9")
    close_trade(user=portfolio.user, trade_id=trade.pk, exit_price=Decimal(85), now=NOW)
    assert counts(bring(portfolio)) == (0, CREATED, 0)


def test_a_new_database_that_counts_from_one_again_is_refused(
    portfolio: Portfolio, copy: Path
) -> None:
    bring(portfolio)
    change(copy, "UPDATE trades SET pair = 'BNB/USDT' WHERE id = 1")
    report = bring(portfolio, copy)
    assert [(one.line, one.column) for one in report.refusals] == [(1, "external_id")]


def test_the_strategy_is_the_callers_else_the_bots_tag_or_name(
    portfolio: Portfolio,
) -> None:
    StrategyFactory(user=portfolio.user, strategy_id="MomentumBot:breakout")
    StrategyFactory(user=portfolio.user, strategy_id="grid")
    bring(portfolio)
    found = {
        int(name.rpartition(":")[2]): strategy
        for name, strategy in Trade.objects.filter(parent_trade=None).values_list(
            "external_id", "strategy_id"
        )
    }
    assert found[1] == "MomentumBot:breakout"  # strategy and tag together
    assert found[5] == "grid"  # the tag alone
    assert (found[2], found[4]) == ("MomentumBot", "GridBot")  # the strategy alone
    bring(portfolio, account="named", strategy_id="GridBot")
    named = Trade.objects.filter(external_id__startswith="freqtrade:named:")
    assert set(named.values_list("strategy_id", flat=True)) == {"GridBot"}


def test_a_strategy_that_does_not_exist_is_refused_by_name(db: None) -> None:
    portfolio = PortfolioFactory(currency="USDT")
    report = bring(portfolio)
    assert counts(report) == (0, 0, CREATED)
    assert {one.reason for one in report.refusals} == {
        "You have no strategy MomentumBot.",
        "You have no strategy GridBot.",
    }


def test_a_portfolio_in_another_currency_needs_a_rate(db: None) -> None:
    portfolio = PortfolioFactory(currency="EUR")
    strategy = StrategyFactory(user=portfolio.user).strategy_id
    report = bring(portfolio, strategy_id=strategy)
    assert {one.column for one in report.refusals} == {"fx_rate"}
    rates = {"USDT": Decimal("0.9")}
    bring(portfolio, strategy_id=strategy, fx_rates=rates)
    trade = Trade.objects.get(external_id="freqtrade:main:1")
    assert trade.profit_loss == round(Decimal("19.91824657") * Decimal("0.9"), 8)


@pytest.mark.parametrize(
    ("statement", "key", "column", "reason"),
    [
        (
            "UPDATE trades SET close_profit_abs = 66.843 WHERE id = 4",
            4,
            "close_profit_abs",
            "is 66.843, but the orders make 66.84242064.",
        ),
        (
            "UPDATE trades SET realized_profit = 0.0 WHERE id = 10",
            10,
            "realized_profit",
            "is 0, but the orders make 66.32275.",
        ),
        (
            "UPDATE orders SET filled = 80 WHERE id = 16",
            5,
            "close_profit_abs",
            "is -0.072, but the orders make -0.02325.",
        ),
        (
            "UPDATE trades SET amount = 'much' WHERE id = 1",
            1,
            "amount",
            "is not a number",
        ),
        ("UPDATE trades SET open_rate = 9e999 WHERE id = 1", 1, "open_rate", "finite"),
        ("UPDATE trades SET pair = '' WHERE id = 1", 1, "pair", "is missing."),
        (
            "UPDATE trades SET open_date = 'then' WHERE id = 1",
            1,
            "open_date",
            "is not an instant: 'then'.",
        ),
        (
            "UPDATE orders SET average = NULL, price = NULL, ft_price = 0 WHERE id = 1",
            1,
            "price",
            "order 1 has none.",
        ),
        ("UPDATE orders SET filled = -1 WHERE id = 1", 1, "filled", "filled nothing."),
        ("DELETE FROM orders WHERE id = 2", 1, "close_rate", "no exit of it"),
        ("DELETE FROM orders WHERE id = 1", 1, "", "order 2 exits before"),
    ],
)
def test_a_trade_that_does_not_add_up_is_refused_with_the_reason(
    copy: Path, statement: str, key: int, column: str, reason: str
) -> None:
    refused = [one for one in read(change(copy, statement)) if isinstance(one, Refusal)]
    assert [(one.line, one.column) for one in refused] == [(key, column)]
    assert reason in refused[0].reason
    assert f"Trade {key}" in refused[0].reason


def test_a_refused_trade_keeps_all_of_the_file_out(
    portfolio: Portfolio, copy: Path
) -> None:
    change(copy, "UPDATE trades SET close_profit_abs = 1 WHERE id = 4")
    assert counts(bring(portfolio, copy)) == (0, 0, 1)
    assert not Trade.objects.filter(portfolio=portfolio).exists()


LATER_COLUMNS = {
    "trades": (
        "base_currency",
        "stake_currency",
        "realized_profit",
        "leverage",
        "is_short",
        "funding_fees",
        "funding_fee_running",
        "trading_mode",
        "interest_rate",
        "enter_tag",
        "initial_stop_loss",
    ),
    "orders": ("average", "ft_fee_base", "funding_fee", "stop_price"),
}
# Of an age that knew neither shorts nor parts.
SIMPLE = "(1, 2, 8, 9)"
AGED = (
    f"DELETE FROM trades WHERE id NOT IN {SIMPLE}",
    *(
        f"ALTER TABLE {table} DROP COLUMN {column}"
        for table, columns in LATER_COLUMNS.items()
        for column in columns
    ),
)


def test_columns_that_an_older_schema_lacks_are_not_missed(copy: Path) -> None:
    rows = {row.line: row for row in read(FILE) if isinstance(row, TradeRow)}
    aged = read(change(copy, *AGED))
    assert [row.line for row in aged] == [1, 2, 8, 9]
    for row in aged:
        assert isinstance(row, TradeRow)
        same = rows[row.line]
        assert row.quote_currency == "USDT"
        assert (row.quantity, row.entry_price, row.exit_price, row.profit_loss) == (
            same.quantity,
            same.entry_price,
            same.exit_price,
            same.profit_loss,
        )


def test_a_database_from_before_there_were_orders_is_read_by_its_trades(
    copy: Path,
) -> None:
    one_fee = (
        "ALTER TABLE trades ADD COLUMN fee FLOAT",
        "UPDATE trades SET fee = fee_open",
        "ALTER TABLE trades DROP COLUMN fee_open",
        "ALTER TABLE trades DROP COLUMN fee_close",
        "DROP TABLE orders",
    )
    rows = read(change(copy, *AGED, *one_fee))
    answer = {row.line: row for row in read(FILE) if isinstance(row, TradeRow)}
    assert [row.line for row in rows] == [1, 2, 8, 9]
    for row in rows:
        assert isinstance(row, TradeRow)
        assert row.profit_loss == answer[row.line].profit_loss


@pytest.mark.parametrize(
    "content", [b"", b"id,pair\n1,BTC/USDT\n", b"SQLite format 3\0" + b"\0" * 4096]
)
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file.sqlite"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match="is not a database of freqtrade") as refused:
        read(path)
    assert refused.value.field == "file"


@pytest.mark.parametrize(
    "statements",
    [
        ("DROP TABLE trades",),
        ("ALTER TABLE trades RENAME COLUMN pair TO pairs",),
        ("ALTER TABLE orders RENAME COLUMN filled TO fill",),
        # What a view would reckon is somebody else's program.
        ("ALTER TABLE trades RENAME TO t", "CREATE VIEW trades AS SELECT * FROM t"),
    ],
)
def test_a_database_of_something_else_is_refused(
    copy: Path, statements: tuple[str, ...]
) -> None:
    with pytest.raises(InvalidInput, match="is not a database of freqtrade"):
        read(change(copy, *statements))


def test_the_file_is_left_as_it_was(copy: Path) -> None:
    before = hashlib.sha256(copy.read_bytes()).hexdigest()
    read(copy)
    assert hashlib.sha256(copy.read_bytes()).hexdigest() == before
    assert [path.name for path in copy.parent.iterdir()] == [copy.name]


def multiplied(path: Path, times: int) -> Path:
    """The closed trades many times over."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("DELETE FROM trades WHERE is_open")
        for table, key in (("trades", "id"), ("orders", "ft_trade_id")):
            names = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            rest = [name for name in names if name not in {"id", key, "order_id"}]
            listed = ", ".join(rest)
            own = "" if key == "id" else "id, order_id, "
            made = "" if key == "id" else "id + n * 1000, order_id || '-' || n, "
            database.execute(
                f"WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c "
                f"WHERE n < {times}) INSERT INTO {table} ({key}, {own}{listed}) "
                f"SELECT {key} + n * 1000, {made}{listed} FROM {table}, c"
            )
        database.commit()
    return path


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(copy: Path) -> None:
    def consume(rows: Iterator[TradeRow | Refusal]) -> int:
        return sum(1 for _ in rows)

    peaks = []
    for times in (50, 1000):
        shutil.copy(FILE, copy)
        path = multiplied(copy, times)
        tracemalloc.start()
        with path.open("rb") as source:
            number = consume(read_freqtrade(source, ImportOptions()))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert number == 13 * (times + 1)
    assert peaks[1] < peaks[0] * 1.5 + 100_000


# What the bot has not written into the database yet.


def with_log(path: Path, statement: str) -> Path:
    """A copy of the database whose newest change is in a file next to it alone."""
    beside = path.with_name("running.sqlite")
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = wal")
        database.execute("PRAGMA wal_autocheckpoint = 0")
        database.execute(statement)
        for suffix in ("", "-wal"):
            shutil.copy(f"{path}{suffix}", f"{beside}{suffix}")
    return beside


def test_what_stands_in_a_log_next_to_the_database_is_read(copy: Path) -> None:
    running = with_log(copy, "UPDATE trades SET close_profit_abs = 1 WHERE id = 1")
    before = {path: path.read_bytes() for path in copy.parent.iterdir()}
    with open_database(running) as source:
        whole = list(read_freqtrade(source, ImportOptions()))
    assert {path: path.read_bytes() for path in copy.parent.iterdir()} == before
    (refused,) = [row for row in whole if isinstance(row, Refusal)]
    assert refused.line == 1  # 1 is not what its orders make
    with open_database(FILE) as source:
        assert source.read() == FILE.read_bytes()


def test_a_database_that_changes_while_it_is_copied_is_refused(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = with_log(copy, "UPDATE trades SET strategy = 'Other'")
    plain_copy = shutil.copyfile

    def copy_while_written(source: Path, target: Path) -> None:
        plain_copy(source, target)
        with running.with_name("running.sqlite-wal").open("ab") as log:
            log.write(b"more")

    monkeypatch.setattr(shutil, "copyfile", copy_while_written)
    with (
        pytest.raises(InvalidInput, match="being written"),
        open_database(running),
    ):
        pass


def test_a_closed_trade_that_has_not_sold_what_it_bought_is_refused(copy: Path) -> None:
    change(copy, "UPDATE orders SET filled = filled / 2 WHERE id = 2")
    profit = ask("SELECT close_profit_abs / 2 FROM trades WHERE id = 1")[0][0]
    change(copy, f"UPDATE trades SET close_profit_abs = {profit} WHERE id = 1")
    refused = read(copy)[0]
    assert isinstance(refused, Refusal)
    assert (refused.line, refused.column) == (1, "amount")
