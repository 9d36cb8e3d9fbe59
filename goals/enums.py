"""The words of the goals' tables. The database checks each list."""

from enum import StrEnum


class GoalType(StrEnum):
    MONTHLY_RETURN = "monthly_return"
    QUARTERLY_RETURN = "quarterly_return"
    YEARLY_RETURN = "yearly_return"
    MONTHLY_INCOME = "monthly_income"
    QUARTERLY_INCOME = "quarterly_income"
    YEARLY_INCOME = "yearly_income"
    PORTFOLIO_VALUE = "portfolio_value"

    @property
    def measures(self) -> "Measure":
        return MEASURES[self]

    @property
    def months(self) -> int | None:
        """Months of the calendar period; None for a goal without one."""
        return MONTHS[self]


class Measure(StrEnum):
    """What a goal's value is made of."""

    RETURN = "return"  # percent
    INCOME = "income"  # money
    VALUE = "value"  # money


MEASURES = {
    GoalType.MONTHLY_RETURN: Measure.RETURN,
    GoalType.QUARTERLY_RETURN: Measure.RETURN,
    GoalType.YEARLY_RETURN: Measure.RETURN,
    GoalType.MONTHLY_INCOME: Measure.INCOME,
    GoalType.QUARTERLY_INCOME: Measure.INCOME,
    GoalType.YEARLY_INCOME: Measure.INCOME,
    GoalType.PORTFOLIO_VALUE: Measure.VALUE,
}
MONTHS = {
    GoalType.MONTHLY_RETURN: 1,
    GoalType.QUARTERLY_RETURN: 3,
    GoalType.YEARLY_RETURN: 12,
    GoalType.MONTHLY_INCOME: 1,
    GoalType.QUARTERLY_INCOME: 3,
    GoalType.YEARLY_INCOME: 12,
    GoalType.PORTFOLIO_VALUE: None,
}


class GoalStatus(StrEnum):
    ACTIVE = "active"
    ACHIEVED = "achieved"
    MISSED = "missed"
    PAUSED = "paused"
    CANCELLED = "cancelled"


class ProgressBand(StrEnum):
    BEHIND = "behind"
    ON_TRACK = "on_track"
    NEAR_TARGET = "near_target"
    ACHIEVED = "achieved"


class Health(StrEnum):
    AHEAD = "ahead"
    ON_PACE = "on_pace"
    LAGGING = "lagging"
    AT_RISK = "at_risk"
    UNREACHABLE = "unreachable"


class AfterAchieved(StrEnum):
    PROTECT = "protect"
    CONTINUE = "continue"
    STOP = "stop"


class PortfolioKind(StrEnum):
    """What a portfolio is; only `live` ones are evidence for one another."""

    LIVE = "live"
    SIMULATION = "simulation"  # made by a replay
    DEMO = "demo"  # made by `manage.py demo`


class Verdict(StrEnum):
    ALLOW = "allow"
    REDUCE = "reduce"
    BLOCK = "block"


class EdgeGuard(StrEnum):
    BENEFIT_OF_DOUBT = "benefit_of_doubt"
    STRICT = "strict"


class TradingState(StrEnum):
    ACTIVE = "active"
    HALTED = "halted"


class HaltCause(StrEnum):
    """Why trading was halted."""

    HARD_DRAWDOWN = "hard_drawdown"
    DAILY_LOSS = "daily_loss"
    PERSON = "person"


class EntryKind(StrEnum):
    """What a ledger entry books."""

    TRADE = "trade"
    CASH_FLOW = "cash_flow"


class HistoryKind(StrEnum):
    """Why a row of the progress history was written."""

    START = "start"
    TRADE = "trade"
    CASH_FLOW = "cash_flow"
    SNAPSHOT = "snapshot"
    CHANGE = "change"
    MARK = "mark"
    RESTATED = "restated"
