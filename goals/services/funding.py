"""Whether a portfolio has money to trade with, and what to do where it has none."""

from decimal import ROUND_CEILING, Decimal

from goals.decisions.accounting import measure_live_unit_value
from goals.models import Portfolio
from goals.services.figures_at import FiguresAt
from mastertrade.values.exceptions import (
    DomainError,
    PortfolioRuined,
    PortfolioUnfunded,
)
from mastertrade.values.in_text import call, say
from mastertrade.values.money import exactly, format_plain

# What is proposed is a multiple of it, and leaves at least so much to trade with.
DEPOSIT_STEP = Decimal(1000)


def deposit_call(portfolio: Portfolio) -> str:
    """The request, as messages name it, that lifts live equity above 0."""
    return (
        f"POST /api/portfolios/{portfolio.portfolio_id}/cash-flows/ "
        f'with {{"amount": "{format_plain(_propose_deposit(portfolio))}"}}'
    )


@exactly
def _propose_deposit(portfolio: Portfolio) -> Decimal:
    missing = max(-portfolio.live_equity, Decimal(0))
    steps = (missing / DEPOSIT_STEP).to_integral_value(ROUND_CEILING)
    return (steps + 1) * DEPOSIT_STEP


def find_lack_of_money(
    portfolio: Portfolio, figures: FiguresAt | None = None
) -> DomainError | None:
    """The refusal of a portfolio that is ruined or unfunded; None where money is.

    By its present figures, or those given. One whose units are worth nothing at the
    marks alone is neither: the hard drawdown halts it.
    """
    if figures is None:
        account, live_equity = portfolio.account, portfolio.live_equity
        live_unit_value = measure_live_unit_value(account, portfolio.unrealized_pnl)
    else:
        account, live_equity = figures.account, figures.portfolio_figures.live_equity
        live_unit_value = figures.live_unit_value
    if account.is_ruined:
        return PortfolioRuined(
            say(
                "Portfolio {} is ruined: every size is blocked until the next "
                "deposit.{}",
                portfolio.name,
                call(f" Deposit: {deposit_call(portfolio)}."),
            )
        )
    if live_equity <= 0 and live_unit_value > 0:
        return PortfolioUnfunded(
            say(
                "Portfolio {} has no money to trade with: there is no size and no "
                "probability until a deposit.{}",
                portfolio.name,
                call(f" Deposit: {deposit_call(portfolio)}."),
            )
        )
    return None
