"""Importing our own files: what goes in, once, and what is refused, by line."""

import io
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from goals.models import FinancialGoal, GoalProgressHistory, Portfolio
from goals.services.rollover import roll_goals
from goals.tests.factories import GoalFactory, PortfolioFactory, UserFactory
from mastertrade.values.exceptions import InsufficientEquity, InvalidInput
from strategies.tests.factories import StrategyFactory
from tests.examples import examples
from tests.http import count_statements
from trades.booking.add import add_to_trade
from trades.booking.close import close_trade
from trades.booking.open import open_trade, record_closed_trade
from trades.booking.reconcile import find_drift
from trades.booking.void import void_trade
from trades.enums import Side
from trades.importing.export import export_trades
from trades.importing.import_trades import import_trades
from trades.importing.options import ImportOptions
from trades.importing.previewing import ImportReport
from trades.models import Position, Trade, TradeImport
from trades.tests.factories import ensure_strategy

NOW = datetime(2026, 4, 20, tzinfo=UTC)
HEADER = "external_id,symbol,side,quantity,entry_price,entry_time,exit_price,exit_time"
ROW = "a,BTCUSDT,LONG,0.02,50000,2026-03-02T09:00:00Z,51000,2026-03-02T10:00:00Z"
OTHER = ROW.replace("a,", "b,", 1)
OPEN = "o,BTCUSDT,LONG,0.02,50000,2026-03-02T09:00:00Z,,"


def csv_of(*rows: str, header: str = HEADER) -> str:
    return "\n".join([header, *rows, ""])


def bring(portfolio: Portfolio, content: str | bytes, **options: Any) -> ImportReport:
    body = content if isinstance(content, bytes) else content.encode()
    answer: dict[str, Any] = {
        "format_name": "mastertrade-csv",
        "now": NOW,
        "file_name": "trades.csv",
        "options": ImportOptions(strategy_id=ensure_strategy(portfolio).strategy_id),
    }
    return import_trades(
        user=portfolio.user,
        portfolio=portfolio.pk,
        source=io.BytesIO(body),
        **{**answer, **options},
    )


def counts(report: ImportReport) -> tuple[int, int, int]:
    return report.created, report.known, report.refused


def fresh(portfolio: Portfolio) -> Portfolio:
    return Portfolio.objects.get(pk=portfolio.pk)


def assert_no_drift(portfolio: Portfolio) -> None:
    assert [str(row) for row in find_drift([portfolio.pk])] == []


@pytest.fixture
def portfolio(db: None) -> Portfolio:
    return PortfolioFactory()


# What goes in.


def test_rows_become_trades_that_move_portfolio_and_goals(db: None) -> None:
    goal = GoalFactory()
    assert counts(bring(goal.portfolio, csv_of(ROW, OTHER))) == (2, 0, 0)
    assert fresh(goal.portfolio).equity == 1040
    assert FinancialGoal.objects.get().progress_pct == 80
    (row,) = GoalProgressHistory.objects.filter(kind="restated")
    assert (row.progress_pct, row.snapshot_date) == (80, date(2026, 3, 2))
    assert "trades.csv" in row.note
    trade = Trade.objects.get(external_id="a")
    assert trade.source_import.file_name == "trades.csv"
    assert (trade.created_by, trade.profit_loss) == (goal.user_id, 20)
    assert_no_drift(goal.portfolio)


def test_progress_is_told_how_much_of_the_file_was_read(portfolio: Portfolio) -> None:
    rows = [ROW.replace("a,", f"{number},", 1) for number in range(5000)]
    content = csv_of(*rows).encode()
    answer: list[int] = []
    bring(portfolio, content, progress=answer.append)
    assert answer.pop() == 0  # read to the end; what follows is the database's
    assert sum(answer) == len(content)
    assert len(answer) > 1


def test_an_open_trade_holds_a_position(portfolio: Portfolio) -> None:
    bring(portfolio, csv_of(OPEN))
    position = Position.objects.get()
    assert (position.quantity, position.status) == (Decimal("0.02"), "open")
    close_trade(
        user=portfolio.user,
        trade_id=Trade.objects.get().pk,
        exit_price=Decimal(51000),
        now=NOW,
    )
    assert fresh(portfolio).equity == 1020
    assert_no_drift(portfolio)


def test_importing_twice_adds_nothing(portfolio: Portfolio) -> None:
    content = csv_of(ROW, OTHER, OPEN)
    bring(portfolio, content)
    before = list(Trade.objects.order_by("pk").values())
    report = bring(portfolio, content)
    assert (counts(report), report.import_id) == ((0, 3, 0), None)
    assert list(Trade.objects.order_by("pk").values()) == before
    assert TradeImport.objects.count() == 1


def test_a_longer_file_adds_only_what_is_new(portfolio: Portfolio) -> None:
    bring(portfolio, csv_of(ROW))
    assert counts(bring(portfolio, csv_of(ROW, OTHER))) == (1, 1, 0)
    assert fresh(portfolio).equity == 1040


def test_two_equal_rows_without_ids_stay_two(portfolio: Portfolio) -> None:
    header = HEADER.replace("external_id,", "")
    row = ROW.partition(",")[2]
    content = csv_of(row, row, header=header)
    assert counts(bring(portfolio, content)) == (2, 0, 0)
    assert counts(bring(portfolio, content)) == (0, 2, 0)
    assert counts(bring(portfolio, csv_of(row, row, row, header=header))) == (1, 2, 0)


def test_a_trade_the_api_recorded_is_known(portfolio: Portfolio) -> None:
    record_closed_trade(
        user=portfolio.user,
        portfolio=portfolio.pk,
        now=NOW,
        strategy_id=ensure_strategy(portfolio).strategy_id,
        symbol="BTCUSDT",
        side=Side.LONG,
        quantity=Decimal("0.02"),
        entry_price=Decimal(50000),
        entry_time=datetime(2026, 3, 2, 9, tzinfo=UTC),
        exit_price=Decimal(51000),
        exit_time=datetime(2026, 3, 2, 10, tzinfo=UTC),
        external_id="a",
    )
    assert counts(bring(portfolio, csv_of(ROW))) == (0, 1, 0)


def test_a_voided_trade_is_not_imported_again(portfolio: Portfolio) -> None:
    bring(portfolio, csv_of(ROW))
    trade = Trade.objects.get()
    void_trade(user=portfolio.user, trade_id=trade.pk, reason="mistaken", now=NOW)
    assert counts(bring(portfolio, csv_of(ROW))) == (0, 1, 0)
    assert fresh(portfolio).equity == 1000


def test_the_header_may_stand_in_any_order_with_a_mark_and_crlf(
    portfolio: Portfolio,
) -> None:
    header = '"side",symbol,entry_time,quantity,entry_price'
    row = 'SHORT,"BTCUSDT",2026-03-02T09:00:00+01:00, 0.02 ,50000'
    content = f"\ufeff{header}\r\n{row}\r\n\r\n"
    assert counts(bring(portfolio, content)) == (1, 0, 0)
    trade = Trade.objects.get()
    assert (trade.side, trade.entry_time.hour, trade.quantity) == (
        "SHORT",
        8,
        Decimal("0.02"),
    )


@pytest.mark.parametrize("layout", ["array", "lines"])
def test_json_may_be_an_array_or_an_object_a_line(
    portfolio: Portfolio, layout: str
) -> None:
    rows = [
        dict(zip(HEADER.split(","), row.split(","), strict=True))
        for row in (ROW, OTHER)
    ]
    rows[0]["quantity"] = 0.02  # a number is read exactly
    lines = [json.dumps(row) for row in rows]
    content = "\n".join(lines) if layout == "lines" else f" [{','.join(lines)}]"
    report = bring(portfolio, content, format_name="mastertrade-json")
    assert counts(report) == (2, 0, 0)


def test_a_late_file_restates_a_goal_that_was_missed(db: None) -> None:
    goal = GoalFactory(target_value=Decimal(2))
    roll_goals(as_of=NOW)
    assert FinancialGoal.objects.get(pk=goal.pk).status == "missed"
    bring(goal.portfolio, csv_of(ROW))
    assert FinancialGoal.objects.get(pk=goal.pk).status == "achieved"
    note = GoalProgressHistory.objects.filter(kind="restated").get().note
    assert "missed turned achieved" in note


# What is refused.

WRONG = [
    ("quantity", "0.02", "0"),
    ("quantity", "0.02", "-1"),
    ("quantity", "0.02", "0.0000000000001"),
    ("quantity", "0.02", "1e3"),
    ("quantity", "0.02", "NaN"),
    ("quantity", "0.02", "999999999999999999999"),
    ("quantity", "0.02", ""),
    ("symbol", "BTCUSDT", "BTC USDT"),
    ("side", "LONG", "BUY"),
    ("entry_time", "2026-03-02T09:00:00Z", "2026-03-02T09:00:00"),
    ("entry_time", "2026-03-02T09:00:00Z", "yesterday"),
    ("entry_time", "2026-03-02T09:00:00Z", "1969-12-31T00:00:00Z"),
    ("entry_time", "2026-03-02T09:00:00Z", "2026-05-01T00:00:00Z"),
    ("exit_time", "2026-03-02T10:00:00Z", "2026-03-02T08:59:59Z"),
    ("exit_time", "2026-03-02T10:00:00Z", "2026-05-01T00:00:00Z"),
    ("exit_time", "2026-03-02T10:00:00Z", ""),
    ("exit_price", "51000", "x"),
]


@pytest.mark.parametrize(("column", "right", "wrong"), WRONG)
def test_a_wrong_figure_is_refused_by_line_and_column(
    portfolio: Portfolio, column: str, right: str, wrong: str
) -> None:
    position = HEADER.split(",").index(column)
    fields = OTHER.split(",")
    assert fields[position] == right
    fields[position] = wrong
    report = bring(portfolio, csv_of(ROW, ",".join(fields)))
    assert (counts(report), report.import_id) == ((0, 0, 1), None) or column == "x"
    (refusal,) = report.refusals
    assert (refusal.line, refusal.column) == (3, column)
    assert refusal.reason
    assert not Trade.objects.exists()
    assert not TradeImport.objects.exists()


@pytest.mark.parametrize(
    ("more", "value", "column"),
    [
        ("profit_loss", "19.99999999", "profit_loss"),
        ("quote_currency", "EUR", "fx_rate"),
        ("fee_currency", "BNB", "fx_rate"),
        ("fx_rate", "1.1", "fx_rate"),
        ("fee_fx_rate", "1.1", "fee_fx_rate"),
        ("leverage", "0.5", "leverage"),
        ("parent_external_id", "nothing", "parent_external_id"),
        ("parent_external_id", "b", "parent_external_id"),
        ("strategy_id", "unknown", "strategy_id"),
        ("entry_fees", "-1", "entry_fees"),
        ("entry_notional", "1001", "entry_notional"),
        ("unbooked_profit", "1", "unbooked_profit"),
        ("quote_currency", "usd", "quote_currency"),
    ],
)
def test_a_row_that_contradicts_itself_is_refused(
    portfolio: Portfolio, more: str, value: str, column: str
) -> None:
    content = csv_of(f"{ROW},", f"{OTHER},{value}", header=f"{HEADER},{more}")
    report = bring(portfolio, content)
    assert [(one.line, one.column) for one in report.refusals] == [(3, column)]
    assert not Trade.objects.exists()


def test_the_same_id_with_other_figures_is_refused(portfolio: Portfolio) -> None:
    bring(portfolio, csv_of(ROW))
    for other in (ROW.replace("51000", "52000"), ROW.replace("LONG", "SHORT")):
        report = bring(portfolio, csv_of(other))
        assert [one.column for one in report.refusals] == ["external_id"]
    twice = csv_of(OTHER, OTHER.replace("51000", "52000"))
    assert [one.line for one in bring(portfolio, twice).refusals] == [3]
    assert Trade.objects.count() == 1


def test_partial_imports_all_that_is_not_refused(portfolio: Portfolio) -> None:
    content = csv_of(ROW, OTHER.replace("LONG", "BUY"), "short,row", OPEN)
    report = bring(portfolio, content, partial=True)
    assert counts(report) == (2, 0, 2)
    assert [one.line for one in report.refusals] == [3, 4]
    imported = TradeImport.objects.get()
    assert (imported.created_count, imported.refused_count) == (2, 2)
    assert fresh(portfolio).equity == 1020


def test_the_first_thousand_refusals_are_shown(portfolio: Portfolio) -> None:
    report = bring(portfolio, csv_of(*[OTHER.replace("LONG", "BUY")] * 1200))
    assert (report.refused, len(report.refusals)) == (1200, 1000)


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        (b"", "empty"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"symbol,side\n", "lacks the columns"),
        (csv_of(header=HEADER + ",colour").encode(), "colour"),
        (csv_of(header=HEADER + ",side").encode(), "twice"),
        (csv_of(header=HEADER + ",entry_fee").encode(), "Did you mean entry_fees"),
        (csv_of(ROW, '"b').encode(), "not a CSV"),
    ],
)
def test_a_file_that_is_no_such_csv_is_refused(
    portfolio: Portfolio, content: bytes, answer: str
) -> None:
    with pytest.raises(InvalidInput, match=answer) as refused:
        bring(portfolio, content)
    assert refused.value.field == "file"
    assert not Trade.objects.exists()


@pytest.mark.parametrize("content", [b"", b"[", b"nonsense", b'[{"a": 1}', b'{"a":'])
def test_a_file_that_is_no_json_is_refused(
    portfolio: Portfolio, content: bytes
) -> None:
    with pytest.raises(InvalidInput) as refused:
        bring(portfolio, content, format_name="mastertrade-json")
    assert refused.value.field == "file"


def test_an_unknown_format_is_refused(portfolio: Portfolio) -> None:
    with pytest.raises(InvalidInput) as refused:
        bring(portfolio, csv_of(ROW), format_name="xlsx")
    assert refused.value.field == "format"


def test_a_history_that_a_withdrawal_contradicts_is_refused(
    portfolio: Portfolio,
) -> None:
    from goals.services.portfolios import record_cash_flow

    record_cash_flow(
        user=portfolio.user, portfolio=portfolio.pk, amount=Decimal(-900), now=NOW
    )
    loss = ROW.replace("51000", "30000")
    with pytest.raises(InsufficientEquity):
        bring(portfolio, csv_of(loss))
    assert not Trade.objects.exists()


def test_a_crash_in_the_middle_leaves_nothing(portfolio: Portfolio) -> None:
    with (
        patch(
            "trades.importing.import_trades.rebuild_ledger", side_effect=RuntimeError
        ),
        pytest.raises(RuntimeError),
    ):
        bring(portfolio, csv_of(ROW, OPEN))
    assert not Trade.objects.exists()
    assert not Position.objects.exists()
    assert not TradeImport.objects.exists()
    assert fresh(portfolio).equity == 1000


def test_another_users_strategy_and_portfolio_do_not_exist(
    portfolio: Portfolio,
) -> None:
    theirs = StrategyFactory(strategy_id="theirs")
    report = bring(
        portfolio, csv_of(ROW), options=ImportOptions(strategy_id=theirs.strategy_id)
    )
    assert [one.column for one in report.refusals] == ["strategy_id"]
    with pytest.raises(InvalidInput) as refused:
        import_trades(
            user=UserFactory(),
            portfolio=portfolio.pk,
            source=io.BytesIO(csv_of(ROW).encode()),
            file_name="x",
            format_name="mastertrade-csv",
            now=NOW,
        )
    assert refused.value.field == "portfolio"


# How many statements, however many rows.


def test_a_thousand_rows_take_as_many_statements_as_two(portfolio: Portfolio) -> None:
    def rows(count: int, prefix: str) -> str:
        return csv_of(*(ROW.replace("a,", f"{prefix}{n},", 1) for n in range(count)))

    ensure_strategy(portfolio)
    with count_statements() as few:
        bring(portfolio, rows(2, "few"))
    with count_statements() as many:
        bring(portfolio, rows(1000, "many"))
    # One for all days that may have reached a floor, however many.
    assert len(many) <= len(few) + 1


# There and back.

DECIMALS = st.decimals(min_value=Decimal("0.01"), max_value=Decimal(90), places=7)


@pytest.mark.slow
class ThereAndBack(TestCase):
    @examples(25)
    @given(
        plans=st.lists(
            st.tuples(
                DECIMALS,
                DECIMALS,
                DECIMALS,
                st.sampled_from(Side),
                st.sampled_from(["open", "closed", "parts", "enlarged", "void"]),
                st.sampled_from(["USDT", "EUR", "BNB"]),
                st.booleans(),
            ),
            min_size=1,
            max_size=5,
        ),
        layout=st.sampled_from(["mastertrade-csv", "mastertrade-json"]),
    )
    def test_what_is_exported_imports_as_the_same(
        self, plans: list[Any], layout: str
    ) -> None:
        here = PortfolioFactory(opening_balance=Decimal(10**6))
        for number, plan in enumerate(plans):
            trade_by(here, number, *plan)
        text = io.StringIO()
        export_trades(here, text, layout)
        there = PortfolioFactory(opening_balance=Decimal(10**6), user=here.user)
        report = bring(there, text.getvalue(), format_name=layout)
        assert report.refusals == ()
        assert figures(there) == figures(here)
        assert fresh(there).account == fresh(here).account
        assert_no_drift(there)
        again = bring(here, text.getvalue(), format_name=layout)
        assert (again.created, again.refusals) == (0, ())


def trade_by(
    portfolio: Portfolio,
    number: int,
    quantity: Decimal,
    entry: Decimal,
    exit_price: Decimal,
    side: Side,
    what: str,
    fee_currency: str,
    named: bool,
) -> None:
    at = datetime(2026, 3, 2, tzinfo=UTC) + timedelta(hours=number)
    user = portfolio.user
    trade, _ = open_trade(
        user=user,
        portfolio=portfolio.pk,
        now=NOW,
        strategy_id=ensure_strategy(portfolio).strategy_id,
        symbol="BTCUSDT",
        side=side,
        quantity=quantity,
        entry_price=entry,
        entry_time=at,
        fees=Decimal("0.01234567"),
        fee_currency=fee_currency,
        fx_rate=None if fee_currency == "USDT" else Decimal("1.234567"),
        leverage=Decimal(3),
        external_id=f"trade {number}" if named else None,
    )
    answer: dict[str, Any] = {"user": user, "trade_id": trade.pk, "now": NOW}
    if what == "enlarged":
        add_to_trade(quantity=exit_price, entry_price=exit_price, at=at, **answer)
    if what == "parts":
        for share in (3, 7):
            close_trade(
                exit_price=exit_price,
                exit_time=at + timedelta(minutes=share),
                quantity=round(quantity / share, 12),
                fees=Decimal("0.00000003"),
                **answer,
            )
    if what in {"closed", "void", "parts"}:
        close_trade(
            exit_price=exit_price,
            exit_time=at + timedelta(minutes=9),
            funding=Decimal("-0.5"),
            **answer,
        )
    if what == "void":
        void_trade(reason="mistaken", **answer)


def figures(portfolio: Portfolio) -> list[dict[str, Any]]:
    """What a trade is, apart from keys, and from what two portfolios cannot share."""
    rows = Trade.objects.filter(portfolio=portfolio).exclude(status="void")
    apart = {
        "trade_id",
        "portfolio_id",
        "external_id",
        "parent_trade_id",
        "ledger_key",
        "request_fingerprint",
        "source_import_id",
        "created_at",
        "updated_at",
    }
    return [
        {name: value for name, value in row.items() if name not in apart}
        for row in rows.order_by("exit_time", "quantity", "entry_time").values()
    ]


@pytest.mark.parametrize("layout", ["mastertrade-csv", "mastertrade-json"])
def test_no_trades_are_exported_as_a_file_that_imports(
    portfolio: Portfolio, layout: str
) -> None:
    text = io.StringIO()
    assert export_trades(portfolio, text, layout) == 0
    assert counts(bring(portfolio, text.getvalue(), format_name=layout)) == (0, 0, 0)


# The commands.


def test_the_commands_export_and_import(
    portfolio: Portfolio, tmp_path: Any, capsys: Any
) -> None:
    bring(portfolio, csv_of(ROW, OPEN))
    path = tmp_path / "trades.csv"
    answer = {"user": portfolio.user_id, "portfolio": portfolio.name}
    call_command("export_trades", str(path), **answer)
    other = PortfolioFactory(user=portfolio.user)
    call_command(
        "import_trades", str(path), user=portfolio.user_id, portfolio=other.name
    )
    assert "2 created, 0 already known, 0 refused" in capsys.readouterr().out
    assert fresh(other).equity == 1020
    call_command("export_trades", **answer)
    assert capsys.readouterr().out == path.read_text()


def test_the_command_says_what_is_refused_and_fails(
    portfolio: Portfolio, tmp_path: Any, capsys: Any
) -> None:
    ensure_strategy(portfolio)
    path = tmp_path / "trades.csv"
    path.write_text(csv_of(ROW, OTHER.replace("LONG", "BUY")))
    answer = {"user": portfolio.user_id, "portfolio": portfolio.name}
    with pytest.raises(CommandError, match="nothing was imported"):
        call_command("import_trades", str(path), **answer)
    assert "must be LONG or SHORT" in capsys.readouterr().out
    with pytest.raises(CommandError, match="no file"):
        call_command("import_trades", str(tmp_path / "none"), **answer)
    with pytest.raises(CommandError, match="no user"):
        call_command("import_trades", str(path), user="nobody")
