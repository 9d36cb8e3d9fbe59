"""What is done to a portfolio from its page: buttons, and what it lacks in words."""

from datetime import datetime

from django import forms
from django.contrib.admin.helpers import ActionForm
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from goals.admin.base import Tool
from goals.admin.halts import MAY_HALT
from goals.enums import TradingState
from goals.models import Portfolio
from goals.services.funding import find_lack_of_money
from goals.services.risk_state import find_halt
from goals.services.trading_state import trading_state_of
from goals.services.voids import LONGEST_REASON


def deposit_address(portfolio: Portfolio, now: datetime) -> str | None:
    return for_portfolio("admin:goals_cashflow_add", portfolio)


def halt_address(portfolio: Portfolio, now: datetime) -> str | None:
    if trading_state_of(portfolio) == TradingState.HALTED:
        return None
    return for_portfolio("admin:goals_tradinghalt_add", portfolio)


def resume_address(portfolio: Portfolio, now: datetime) -> str | None:
    halt = find_halt(portfolio, now)
    if halt is None:
        return None
    return reverse("admin:goals_tradinghalt_change", args=[halt.pk])


def for_portfolio(name: str, portfolio: Portfolio) -> str | None:
    """A form that is filled in for the portfolio; none for a finished replay's."""
    if portfolio.finished_at is not None:
        return None
    return f"{reverse(name)}?portfolio={portfolio.pk}"


def lack_of(portfolio: Portfolio) -> SafeString:
    """What a portfolio without money lacks; empty where it has some."""
    lack = find_lack_of_money(portfolio)
    if lack is None:
        return SafeString("")
    return format_html("{} Or use “Deposit or withdraw” on this page.<br>", lack.detail)


class ReasonForm(ActionForm):
    """What goes with an action on the list."""

    reason = forms.CharField(required=False, max_length=LONGEST_REASON, label="Reason:")


PORTFOLIO_TOOLS = (
    Tool("Deposit or withdraw", "goals.add_cashflow", deposit_address),
    Tool("Halt trading", MAY_HALT, halt_address),
    Tool("Resume trading", MAY_HALT, resume_address),
)
