"""Whether a portfolio has money to trade with, and what to do where it has none."""

from goals.decisions.progress import Reading
from goals.models import Portfolio
from mastertrade.values.exceptions import (
    DomainError,
    PortfolioRuined,
    PortfolioUnfunded,
)


def deposit_call(portfolio: Portfolio) -> str:
    """The request that deposits, as messages name it."""
    return (
        f"POST /api/portfolios/{portfolio.portfolio_id}/cash-flows/ "
        'with {"amount": "1000"}'
    )


def find_lack_of_money(portfolio: Portfolio, reading: Reading) -> DomainError | None:
    """The refusal of a portfolio that is ruined or unfunded; None where money is."""
    if reading.unit_value == 0:
        return PortfolioRuined(
            f"Portfolio {portfolio.name} is ruined: every size is blocked until a "
            f"deposit starts it anew. Deposit: {deposit_call(portfolio)}."
        )
    if reading.live_equity <= 0:
        return PortfolioUnfunded(
            f"Portfolio {portfolio.name} has no money to trade with: there is no size "
            "and no probability until a deposit. Deposit: "
            f"{deposit_call(portfolio)}."
        )
    return None


def refuse_without_money(portfolio: Portfolio, reading: Reading) -> None:
    """Raise what `find_lack_of_money` finds."""
    lack = find_lack_of_money(portfolio, reading)
    if lack is not None:
        raise lack
