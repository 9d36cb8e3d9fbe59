"""Goals as the pages list them: title, sentence, way, the most urgent first.

Of one portfolio and by a constant number of statements.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from goals.decisions.arbitration import GoalState, rank
from goals.decisions.guards.headroom import StopPriceRequired
from goals.decisions.periods import calendar_end
from goals.decisions.progress import Pace
from goals.decisions.trade_record import FEWEST_TRADES
from goals.enums import (
    AfterAchieved,
    CalendarPeriod,
    GoalStatus,
    GoalType,
    HaltCause,
    Measure,
)
from goals.models import FinancialGoal, Portfolio, User
from goals.services.failing import with_failure
from goals.services.funding import find_lack_of_money
from goals.services.goal_state import is_open
from mastertrade.site import figures
from mastertrade.site.sentences import (
    GoalFigures,
    Headroom,
    Links,
    NextFactor,
    Odds,
    goal_sentence,
    health_of,
    pill_of,
    urgency_of,
)
from mastertrade.values.exceptions import DomainError, InvalidInput
from mastertrade.values.in_text import cased, unstopped
from mastertrade.values.money import HUNDRED, exactly, round_to
from trades.sizing_calls.limits import LimitsNow, NextSize, measure_limits

NO_DEADLINE = datetime.max.replace(tzinfo=timezone.get_fixed_timezone(0))
ONE_DAY = timedelta(days=1)
# The floors that end trading; the soft one only holds factors at 1.
HARD = ("hard_drawdown", "daily_loss")
WAY_LENGTH = 600
WAY_BAR = 3


@dataclass(frozen=True, slots=True)
class GoalLine:
    """A goal in a list. `pill` is empty where no attention is needed."""

    goal: FinancialGoal
    figures: GoalFigures
    title: SafeString
    url: str
    pill: SafeString
    health: str
    sentence: SafeString
    when: str
    way: SafeString
    way_words: SafeString
    expected: str
    conditions: tuple[str, ...]


def running_goals(portfolio: Portfolio, now: datetime) -> list[FinancialGoal]:
    """Those of a portfolio that have not ended, each with why it failed."""
    running = portfolio.goals.filter(is_open(now))
    return read_goals(running.exclude(status=GoalStatus.CANCELLED), portfolio)


def read_goals(
    goals: QuerySet[FinancialGoal], portfolio: Portfolio
) -> list[FinancialGoal]:
    """Goals of one portfolio with all that their lines need, by one statement."""
    found = list(with_failure(goals).order_by("goal_id"))
    for goal in found:
        goal.portfolio = portfolio
    return found


def read_lines(
    user: User,
    portfolio: Portfolio,
    goals: Sequence[FinancialGoal],
    now: datetime,
    limits: LimitsNow | None = None,
    most: int | None = None,
) -> list[GoalLine]:
    """The lines of a portfolio's goals (see `read_goals`), the most urgent first.

    `limits` where they were measured already, `with_next_size`. Of all, or of so many.
    """
    if not goals:
        return []
    if limits is None:
        limits = measure_limits(
            user=user, portfolio_id=portfolio.pk, now=now, with_next_size=True
        )
    deciding = _Deciding.of(limits.next_size, portfolio, goals)
    measured = [(goal, goal.pace_at(now)) for goal in goals]
    urgent = sorted(measured, key=lambda one: _order(one[0], one[1], now))[:most]
    return [
        _line(goal, figures_of(goal, pace, portfolio, limits, deciding, now), now)
        for goal, pace in urgent
    ]


@dataclass(frozen=True, slots=True)
class _Deciding:
    """The goals that take part in a size asked for now, and the one that decides."""

    size: NextSize | None
    states: Mapping[int, GoalState]
    first: GoalState | None
    title: SafeString

    @classmethod
    def of(
        cls,
        size: NextSize | None,
        portfolio: Portfolio,
        goals: Sequence[FinancialGoal],
    ) -> "_Deciding":
        if size is None or not size.states:
            return cls(size, {}, None, SafeString(""))
        first = min(size.states, key=rank)
        decider = next((goal for goal in goals if goal.pk == first.goal_id), None)
        if decider is None:
            decider = portfolio.goals.get(pk=first.goal_id)
            decider.portfolio = portfolio
        states = {one.goal_id: one for one in size.states}
        return cls(size, states, first, title_of(decider))

    def waits(self, goal: FinancialGoal) -> tuple[SafeString | None, str]:
        """The goal that decides in its place, and why; None where it decides itself."""
        first, own = self.first, self.states.get(goal.pk)
        if first is None or own is None or own is first:
            return None, ""
        because = "is the older one"
        if first.priority != own.priority:
            because = "has the higher priority"
        elif first.deadline != own.deadline:
            because = "ends sooner"
        return self.title, because


def _order(
    goal: FinancialGoal, pace: Pace, now: datetime
) -> tuple[int, datetime, int, int]:
    urgency = urgency_of(
        goal.status_at(now),
        pace.health,
        has_begun=goal.period_starts_at <= now,
        is_over=goal.is_over(now),
    )
    return urgency, goal.period_ends_at or NO_DEADLINE, goal.priority, goal.pk


def _line(goal: FinancialGoal, of: GoalFigures, now: datetime) -> GoalLine:
    expected = of.expected_pct
    return GoalLine(
        goal=goal,
        figures=of,
        title=title_of(goal),
        url=of.links.page,
        pill=pill_of(of),
        health=health_of(of),
        sentence=goal_sentence(of),
        when=when_words(goal, now),
        way=draw_way(goal.progress_pct, expected),
        way_words=_way_words(goal, of.currency),
        expected="" if expected is None else f"by now {figures.percent(expected)}",
        conditions=tuple(condition.words for condition in goal.conditions),
    )


@exactly
def figures_of(
    goal: FinancialGoal,
    pace: Pace,
    portfolio: Portfolio,
    limits: LimitsNow,
    deciding: _Deciding,
    now: datetime,
) -> GoalFigures:
    """What the sentence of a goal is made of, now."""
    gap = None
    if pace.pace_gap_pct is not None:
        gap = pace.pace_gap_pct * (goal.target_value - goal.start_value) / HUNDRED
    cause: str | None = getattr(goal, "failure_cause", None)
    decided_by, because = deciding.waits(goal)
    halt = limits.halts[0] if limits.halts else None
    nearest = [one for one in limits.floors if one.limit in HARD and one.binding]
    return GoalFigures(
        status=goal.status_at(now),
        health=pace.health,
        measure=goal.kind.measures,
        currency=portfolio.currency,
        current_value=goal.current_value,
        target_value=goal.target_value,
        progress_pct=goal.progress_pct,
        links=links_of(goal, portfolio),
        gap=gap,
        expected_pct=pace.expected_progress_pct,
        required_per_day=pace.required_per_day,
        begins_at=goal.period_starts_at if goal.period_starts_at > now else None,
        joined=goal.start_date
        if goal.created_at - goal.period_starts_at >= timedelta(days=1)
        else None,
        period=goal.kind.calendar or "period",
        ended_at=goal.ended_at,
        is_over=goal.is_over(now),
        achieved_at=goal.achieved_at,
        after_achieved=AfterAchieved(goal.after_achieved),
        failed_at=goal.failed_at,
        failed_by=HaltCause(cause) if cause else None,
        open_conditions=tuple(
            one.words for one in goal.find_open_at_target(goal.progress)
        ),
        odds=_odds(goal, limits.next_size),
        next_factor=_next_factor(goal, deciding, now),
        decided_by=decided_by,
        decided_because=because,
        headroom=Headroom(nearest[0].limit, nearest[0].losing_trades)
        if nearest
        else None,
        halted=halt is not None,
        halted_until=None if halt is None else halt.halted_until,
        lacks_money=find_lack_of_money(portfolio) is not None,
    )


def links_of(goal: FinancialGoal, portfolio: Portfolio) -> Links:
    page = reverse("site:goal", args=[goal.pk])
    home = reverse("site:home")
    return Links(
        page=page,
        chart=f"{page}#h-chart",
        odds=f"{page}#h-front",
        decisions=f"{page}#h-dec",
        what_if=f"{page}#h-what",
        conditions=f"{page}#h-cond",
        limits=f"{home}?portfolio={portfolio.pk}#h-state",
    )


def _odds(goal: FinancialGoal, size: NextSize | None) -> Odds | None:
    """As last projected; before that, only whether there are too few trades."""
    if goal.period_ends_at is None:
        return None
    trades = goal.projected_trades if goal.projected_at is not None else None
    if trades is None and size is not None and size.trades < FEWEST_TRADES:
        trades = size.trades
    return Odds(goal.probability, goal.probability_low, goal.probability_high, trades)


def _next_factor(
    goal: FinancialGoal, deciding: _Deciding, now: datetime
) -> NextFactor | None:
    """None for a goal that takes no part."""
    size = deciding.size
    if size is None or goal.pk not in deciding.states:
        return None
    if size.decision is None:
        refusal = _refusal_words(size.refusal, now)
        needs_stop = isinstance(size.refusal, StopPriceRequired)
        return NextFactor(Decimal(0), Decimal(0), "", refusal, needs_stop=needs_stop)
    decision = size.decision
    bound = [one for one in decision.guards if one.factor_after < one.factor_before]
    return NextFactor(
        factor=decision.adjustment_factor,
        asked=decision.arbitration.deciding_factor.policy_factor,
        guard=bound[-1].name if bound else "",
    )


def _refusal_words(refusal: DomainError | None, now: datetime) -> SafeString:
    """Why a size like the last one is refused, without the names of its fields."""
    if isinstance(refusal, InvalidInput):
        return SafeString("a size like the last one is out of range")
    said = "" if refusal is None else unstopped(refusal.on_page)
    return figures.show(cased(said, str.lower), now)


def title_of(goal: FinancialGoal) -> SafeString:
    """ "5 % in November", "30,000 USDT by 30 Jun 2027"."""
    if goal.kind.measures is Measure.RETURN:
        pct = figures.fine_percent(goal.target_value)
        what = format_html('<span class="whole">{}</span>', pct)
    else:
        what = format_html(
            '<span class="money">{}</span> {}',
            figures.number(goal.target_value),
            goal.portfolio.currency,
        )
    if goal.kind.measures is Measure.INCOME:
        what = format_html("{} of income", what)
    return format_html("{} {}", what, period_words(goal)) if goal.target_date else what


def period_words(goal: FinancialGoal) -> str:
    """ "in November", where it is a whole calendar period; else "by 30 Jun 2027"."""
    start, end = goal.start_date, goal.target_date
    calendar = goal.kind.calendar
    if end is None:
        return "without a deadline"
    if calendar is None or not _is_whole(goal.kind, start, end):
        return f"by {short_date(end)}"
    this_year = timezone.localdate().year
    year = "" if start.year == this_year else f" {start.year}"
    match calendar:
        case CalendarPeriod.DAY:
            return f"on {short_date(start)}"
        case CalendarPeriod.WEEK:
            return f"in the week of {short_date(start)}"
        case CalendarPeriod.MONTH:
            return f"in {start:%B}{year}"
        case CalendarPeriod.QUARTER:
            return f"in quarter {(start.month + 2) // 3} of {start.year}"
    return f"in {start.year}"


def _is_whole(kind: GoalType, start: date, end: date) -> bool:
    is_end = calendar_end(kind, start) == end
    return is_end and calendar_end(kind, start - ONE_DAY) != end


def short_date(day: date) -> str:
    """ "30 Nov", with its year where it is another than this one."""
    return figures.day(datetime(day.year, day.month, day.day))  # noqa: DTZ001


def when_words(goal: FinancialGoal, now: datetime) -> str:
    """ "by 30 Nov, 11 days left"."""
    if goal.target_date is None or goal.period_ends_at is None:
        return "no deadline"
    if goal.period_starts_at > now:
        return f"from {short_date(goal.start_date)} to {short_date(goal.target_date)}"
    if goal.is_over(now):
        return f"ended {short_date(goal.target_date)}"
    left = figures.ago(goal.period_ends_at, now)
    return f"by {short_date(goal.target_date)} \N{MIDDLE DOT} {left} left"


def _way_words(goal: FinancialGoal, currency: str) -> SafeString:
    way = f"{figures.percent(goal.progress_pct)} of the way"
    if goal.kind.measures is Measure.RETURN:
        made = figures.signed_percent(goal.current_value)
        return format_html(
            "{}: {} of {}", way, made, figures.percent(goal.target_value)
        )
    return format_html(
        "{}: {} of {}",
        way,
        figures.money(goal.current_value, currency),
        figures.amount(goal.target_value, currency),
    )


@exactly
def draw_way(progress_pct: Decimal, expected_pct: Decimal | None) -> SafeString:
    """The way as a bar, with a mark where it should be by now."""
    done = max(Decimal(0), min(HUNDRED, progress_pct)) * WAY_LENGTH / HUNDRED
    label = f"{figures.percent(progress_pct)} of the way"
    mark = SafeString("")
    if expected_pct is not None:
        label += f", {figures.percent(expected_pct)} of the time"
        at = expected_pct * (WAY_LENGTH - WAY_BAR) / HUNDRED
        mark = format_html(
            '<rect class="w-pace" x="{}" y="0" width="{}" height="10"/>',
            round_to(at, (6, 1)),
            WAY_BAR,
        )
    return format_html(
        '<svg class="way" viewBox="0 0 {} 10" preserveAspectRatio="none" role="img" '
        'aria-label="{}"><rect class="w-track" x="0" y="3" width="{}" height="4"/>'
        '<rect class="w-fill" x="0" y="3" width="{}" height="4"/>{}</svg>',
        WAY_LENGTH,
        label,
        WAY_LENGTH,
        round_to(done, (6, 1)),
        mark,
    )
