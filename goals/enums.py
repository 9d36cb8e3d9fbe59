"""The words of the goals' tables. The database checks each list."""

from enum import StrEnum
from typing import Any, Self


class Measure(StrEnum):
    """What a goal's value is made of."""

    RETURN = "return"  # percent
    INCOME = "income"  # money
    VALUE = "value"  # money


class CalendarPeriod(StrEnum):
    """How long a goal runs by default. A week begins on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


class GoalType(StrEnum):
    """Every goal type: its name, what it measures, its period (None: no deadline)."""

    measures: Measure
    calendar: CalendarPeriod | None

    DAILY_RETURN = "daily_return", Measure.RETURN, CalendarPeriod.DAY
    WEEKLY_RETURN = "weekly_return", Measure.RETURN, CalendarPeriod.WEEK
    MONTHLY_RETURN = "monthly_return", Measure.RETURN, CalendarPeriod.MONTH
    QUARTERLY_RETURN = "quarterly_return", Measure.RETURN, CalendarPeriod.QUARTER
    YEARLY_RETURN = "yearly_return", Measure.RETURN, CalendarPeriod.YEAR
    DAILY_INCOME = "daily_income", Measure.INCOME, CalendarPeriod.DAY
    WEEKLY_INCOME = "weekly_income", Measure.INCOME, CalendarPeriod.WEEK
    MONTHLY_INCOME = "monthly_income", Measure.INCOME, CalendarPeriod.MONTH
    QUARTERLY_INCOME = "quarterly_income", Measure.INCOME, CalendarPeriod.QUARTER
    YEARLY_INCOME = "yearly_income", Measure.INCOME, CalendarPeriod.YEAR
    PORTFOLIO_VALUE = "portfolio_value", Measure.VALUE, None

    def __new__(cls, name: str, *what: Any) -> Self:
        # Called for members only; the signature also serves `GoalType("daily_return")`.
        member = str.__new__(cls, name)
        member._value_ = name
        member.measures, member.calendar = what
        return member


class GoalStatus(StrEnum):
    ACTIVE = "active"
    ACHIEVED = "achieved"
    MISSED = "missed"
    FAILED = "failed"
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


class ConditionName(StrEnum):
    """What a goal may ask for besides its target."""

    MIN_TRADING_DAYS = "min_trading_days"
    BEST_DAY_MAX_PCT = "best_day_max_pct"


class AfterAchieved(StrEnum):
    PROTECT = "protect"
    CONTINUE = "continue"
    STOP = "stop"


class PortfolioKind(StrEnum):
    """What a portfolio is; only `live` ones are evidence for one another."""

    LIVE = "live"
    SIMULATION = "simulation"  # made by a replay
    DEMO = "demo"  # made by `manage.py demo`


class NumberFormat(StrEnum):
    """How a user's pages write 1234.5."""

    POINT = "point"  # 1,234.5
    COMMA = "comma"  # 1.234,5
    SPACE = "space"  # 1 234,5


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
    PROFIT_LOCK = "profit_lock"
    TRADES_PER_DAY = "trades_per_day"
    LOSSES_IN_A_ROW = "losses_in_a_row"
    PERSON = "person"


class DrawdownMode(StrEnum):
    """What raises the value that the floor is measured from."""

    TRAILING_CLOSED = "trailing_closed"  # the unit value after closes
    TRAILING = "trailing"  # live highs too, each confirmed by a second mark
    END_OF_DAY = "end_of_day"  # the value at a day's end
    STATIC = "static"  # nothing


class ValuedBy(StrEnum):
    """Which value counts at a day's end."""

    CLOSED = "closed"
    LIVE = "live"


class DrawdownOf(StrEnum):
    """What the percentages of the drawdown are of."""

    PEAK = "peak"
    START = "start"  # so the floor keeps a fixed distance


class FloorIn(StrEnum):
    """Whether a cash flow moves the floor in money."""

    UNITS = "units"
    MONEY = "money"


class DailyLossOf(StrEnum):
    """What the percentage of the daily loss is of."""

    DAY_START = "day_start"
    START = "start"


class DailyLossAnchor(StrEnum):
    """Which value at the day's start the daily loss is measured from."""

    EQUITY = "equity"  # live
    BALANCE = "balance"  # closed
    HIGHER = "higher"


class OnBreach(StrEnum):
    HALT = "halt"  # a person resumes
    FAIL = "fail"  # goals fail too


class DailyOnBreach(StrEnum):
    HALT_DAY = "halt_day"  # until the next day
    FAIL = "fail"


class MarkRole(StrEnum):
    """What a mark that was kept said of the limits."""

    DAY_START = "day_start"
    PENDING = "pending"  # above the peak, until a second mark confirms it
    HIGH = "high"
    BREACH = "breach"
    CLOSE = "close"  # a close below a floor, judged with what was open
    STOOD = "stood"  # halted at once: it had stood for long when it was looked at
    REFERENCE = "reference"  # at a change, or a resume, measured from the value of then


class LimitCause(StrEnum):
    """Why the limits of a portfolio, or what they are measured from, were set."""

    OPENING = "opening"
    CHANGE = "change"
    RESUME = "resume"


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


class ForecastKind(StrEnum):
    """What is kept of what a goal may come to."""

    PROJECTION = "projection"
    FRONTIER = "frontier"


class AlertKind(StrEnum):
    """What an alert is about."""

    MILESTONE = "milestone"  # 25, 50, 75 or 100 % of the way to the target
    HEALTH_LAGGING = "health_lagging"
    HEALTH_AT_RISK = "health_at_risk"
    HEALTH_UNREACHABLE = "health_unreachable"
    GOAL_MISSED = "goal_missed"
    GOAL_FAILED = "goal_failed"
    FLOOR_NEAR = "floor_near"  # 80 % of the way to a floor
    DAILY_LIMIT_NEAR = "daily_limit_near"  # 80 % of a daily limit used up
    DRAWDOWN_SOFT = "drawdown_soft"
    DRAWDOWN_HARD = "drawdown_hard"
    DAILY_LOSS = "daily_loss"
    HALTED = "halted"
    RESUMED = "resumed"
    DECISION_OVERRIDDEN = "decision_overridden"
    IMPORT_REFUSALS = "import_refusals"
    JOB_FAILED = "job_failed"
    DAILY_RUN_FAILED = "daily_run_failed"
    MARKS_STALE = "marks_stale"
    DRIFT = "drift"  # found by `reconcile`


class Severity(StrEnum):
    """Critical alerts pass quiet hours and digests."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class DeliveryState(StrEnum):
    """Where the delivery of an alert to a channel stands."""

    WAITING = "waiting"  # not tried yet
    SENT = "sent"
    FAILED = "failed"  # tried, and to be tried again
    DEAD = "dead"  # tried for the last time; a person may retry
    SKIPPED = "skipped"  # the channel was switched off before it was sent


class ChannelKind(StrEnum):
    """How a channel reaches its user."""

    EMAIL = "email"
    WEBHOOK = "webhook"
    TELEGRAM = "telegram"
    APPRISE = "apprise"


class Digest(StrEnum):
    """Whether alerts that are not critical are collected into one message."""

    OFF = "off"
    HOURLY = "hourly"
    DAILY = "daily"
