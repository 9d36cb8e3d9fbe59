"""Closing a trade that causes an alert, against the same close that causes none."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.utils import timezone

from bench.close_trade import Closing
from bench.people import make_trader
from bench.rows import Row, Target
from bench.timing import in_turn, show, timed
from goals.enums import ChannelKind
from goals.models import GoalAlert, Portfolio
from goals.services.channels import create_channel
from trades.booking.close import close_trade

CLOSES = 300
WARM_UP = 30
COST = Target(1.25, at_least=False)
# Below the soft floor of 10 %, and far above the hard one of 20 %.
LOSS = Decimal(-14_000)


def measure() -> Iterator[Row]:
    for channels in (0, 1):
        alerting = AlertingClose(f"alerts_{channels}", channels)
        silent = AlertingClose(f"silent_{channels}", channels)
        pair = in_turn(
            alerting.with_alert, silent.without, times=CLOSES, warm_up=WARM_UP
        )
        alerting.check(WARM_UP + CLOSES)
        silent.check(0)
        what = ", its delivery and the job of that" if channels else ""
        yield Row(
            f"close_trade with an alert{what}, against without",
            show(pair.ours),
            show(pair.floor),
            pair.cost,
            COST,
        )


class AlertingClose(Closing):
    """A portfolio below its soft floor, of which a close alerts, or has alerted."""

    def __init__(self, name: str, channels: int) -> None:
        trader = make_trader(name)
        super().__init__(trader)
        for _ in range(channels):
            create_channel(
                user=self.user,
                kind=ChannelKind.EMAIL,
                address="ada@example.com",
                now=timezone.now(),
            )
        trade = self.open()
        price = trade.entry_price + LOSS / trade.quantity
        close_trade(
            user=self.user,
            trade_id=trade.trade_id,
            exit_price=price if price > 0 else Decimal(1),
            fees=max(-LOSS - trade.quantity * trade.entry_price, Decimal(0)),
            now=timezone.now(),
        )
        assert Portfolio.objects.get(pk=self.portfolio.pk).drawdown_pct > 10
        self.before = self._alerts().count()

    def with_alert(self) -> float:
        """The close alerts again, as if the portfolio had come back before it."""
        figures = self._figures(self.open())
        Portfolio.objects.filter(pk=self.portfolio.pk).update(alerted_soft_at=None)
        return self._timed(figures)

    def without(self) -> float:
        """The same, and the row of the portfolio was changed before it too."""
        figures = self._figures(self.open())
        Portfolio.objects.filter(pk=self.portfolio.pk).update(
            alerted_soft_at=timezone.now()
        )
        return self._timed(figures)

    def _timed(self, figures: dict[str, Any]) -> float:
        return timed(lambda: self.close(figures))

    def _alerts(self) -> Any:
        return GoalAlert.objects.filter(user=self.user)

    def check(self, expected: int) -> None:
        """Each timed close alerted, or none."""
        found = self._alerts().count() - self.before
        if found != expected:
            kinds = sorted(self._alerts().values_list("title", flat=True))
            raise AssertionError(f"{found} alerts, expected {expected}: {set(kinds)}")
