"""What the command `reconcile` prints."""

import re
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from goals.models import Portfolio
from goals.tests.factories import GoalFactory
from trades.tests.factories import book_profit

pytestmark = pytest.mark.django_db


def test_drifted_figures_are_printed_as_plain_decimals(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    goal = GoalFactory()
    book_profit(goal.portfolio, Decimal("12.5"))
    Portfolio.objects.filter(pk=goal.portfolio_id).update(
        realized_pnl=Decimal(0), unit_value=Decimal("0.75"), drawdown_pct=Decimal(7)
    )

    with pytest.raises(CommandError, match="had drifted"):
        call_command("reconcile")

    printed = capsys.readouterr().out
    lines = [re.findall(r"[^\s│]+", line) for line in printed.splitlines()]
    shown = {line[2]: line[3:] for line in lines if line[1:2] == ["itself"]}
    assert shown["realized_pnl"] == ["0", "12.5"]
    assert shown["drawdown_pct"] == ["7", "0"]
    assert shown["unit_value"][0] == "0.75"
    assert "0E" not in printed
    assert not re.search(r"\d\.\d{19}", printed)
