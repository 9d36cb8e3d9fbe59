"""Forms that record and close trades, by the services."""

from collections.abc import Iterator
from typing import Any, ClassVar

from django import forms

from goals.enums import PortfolioKind
from mastertrade.site.service_forms import OnceForm
from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.money import MONEY
from mastertrade.values.validation import require_not_future, wrong_by
from strategies.models import StrategyInstance
from trades.booking.close import close_trade
from trades.booking.exits import before_entry
from trades.booking.open import open_trade, record_closed_trade
from trades.booking.references import find_unknown, find_wrong_exit
from trades.booking.trade_input import find_wrong_figures
from trades.models import Trade

MOST_STRATEGIES = 200


def fees_field(help_text: str) -> forms.DecimalField:
    return forms.DecimalField(
        required=False,
        max_digits=MONEY[0],
        decimal_places=MONEY[1],
        help_text=help_text,
    )


class TradeForm(OnceForm[Trade]):
    """A trade that is open, or with `exit_price` one that is over."""

    OPTIONAL: ClassVar[tuple[str, ...]] = ("entry_time", "exit_time", "stop_price")

    fees = fees_field("Of the entry; for a closed trade, all fees.")
    adjustment_id = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=2**63 - 1,
        label="Sized by decision",
        help_text="The adjustment_id of the sizing answer that this trade follows.",
    )
    override = forms.BooleanField(
        required=False,
        help_text="Open it although trading is halted; the trade records this.",
    )

    class Meta:
        model = Trade
        fields: tuple[str, ...] = (
            "portfolio",
            "strategy_id",
            "symbol",
            "side",
            "quantity",
            "entry_price",
            "entry_time",
            "stop_price",
            "exit_price",
            "exit_time",
        )
        labels = {"strategy_id": "Strategy"}
        help_texts = {
            "entry_price": "In the portfolio's currency; the API takes others.",
            "entry_time": "In UTC; default: now, or the exit time where one is given.",
            "exit_price": "Only for a trade that is closed already.",
            "exit_time": "In UTC; default: now.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in self.OPTIONAL:
            self.fields[name].required = False
        field = self.fields["strategy_id"]
        field.required = True
        field.widget = forms.Select(choices=self._strategies())

    def _strategies(self) -> list[tuple[str, str]]:
        """What the owner of the portfolio may trade there, active ones first."""
        asked = self.data.get("portfolio") or self.initial.get("portfolio")
        try:
            portfolio = self.fields["portfolio"].clean(asked)
        except forms.ValidationError:
            return [("", "Choose a portfolio first")]
        found = StrategyInstance.objects.filter(user_id=portfolio.user_id)
        if portfolio.is_live:
            found = found.filter(kind=PortfolioKind.LIVE)
        listed = [
            (one.strategy_id, f"{one.strategy_id} ({one.status})")
            for one in found.order_by("status", "strategy_id")[:MOST_STRATEGIES]
        ]
        none = "Choose a strategy" if listed else f"{portfolio.user_id} has no strategy"
        return [("", none), *listed]

    def find_wrong(self) -> Iterator[InvalidInput]:
        """As the API: all that is wrong with the fields, alone and together."""
        given = self.given
        yield from find_wrong_figures(given)
        for name in ("entry_time", "exit_time"):
            if name in given:
                yield from wrong_by(require_not_future, name, given[name], self.now)
        if "exit_time" in given and "exit_price" not in given:
            yield InvalidInput("exit_time", "needs an exit price.")
        entered, left = given.get("entry_time"), given.get("exit_time")
        if entered is not None and left is not None and left < entered:
            yield before_entry(entered)
        portfolio = given.pop("portfolio", None)
        if portfolio is not None:
            named = {**given, "portfolio": portfolio.pk}
            yield from find_unknown(portfolio.user, named)

    def call_service(self) -> Trade:
        given = self.given
        portfolio, override = given.pop("portfolio"), given.pop("override")
        call = {
            "user": portfolio.user,
            "portfolio": portfolio.pk,
            "now": self.now,
            "recorded_by": self.by,
            **given,
        }
        if "exit_price" in given:
            closed, _ = record_closed_trade(**call)
            return closed.booked
        trade, _ = open_trade(override=override, **call)
        return trade


class CloseForm(OnceForm[Trade]):
    """Closes an open trade, all of it or a part."""

    fees = fees_field("Of the exit; added to those of the entry.")

    class Meta:
        model = Trade
        fields = ("exit_price", "quantity", "exit_time")
        help_texts = {
            "quantity": "Less than is open closes a part; default: all of it.",
            "exit_time": "In UTC; default: now.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["exit_price"].required = True
        self.fields["quantity"].required = False
        self.fields["exit_time"].required = False

    def find_wrong(self) -> Iterator[InvalidInput]:
        given = self.given
        yield from find_wrong_figures(given)
        if "exit_time" in given:
            yield from wrong_by(
                require_not_future, "exit_time", given["exit_time"], self.now
            )
        trade = self.instance
        yield from find_wrong_exit(trade.user, trade.pk, given)

    def call_service(self) -> Trade:
        closed = close_trade(
            user=self.instance.user,
            trade_id=self.instance.pk,
            now=self.now,
            recorded_by=self.by,
            **self.given,
        )
        return closed.trade
