"""What is answered about what a goal may come to: figures, as they are kept. Pure."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from goals.projection.frontier import Frontier, FrontierPoint
from goals.projection.goal_projection import GoalFrontier
from goals.projection.streaks import Streaks
from mastertrade.values.in_text import Mark, Text

# Of what is kept: of another one it is made anew. Goes up with a change of the fields
# below, or of the solver's figures: `test_kept_version.py` holds those of each.
VERSION = "1"


@dataclass(frozen=True, slots=True)
class EdgeAnswer:
    """Growth per trade at factor 1 (ratios); `lower`, `upper`: one-sided 80 %."""

    trades: int
    mean: float
    shrunk_mean: float
    lower: float
    upper: float
    best: float
    trades_at_once: float


@dataclass(frozen=True, slots=True)
class Suggestions:
    """What would make the probability 50 %; None where nothing would."""

    trades: int | None
    deadline: datetime | None
    target_value: Decimal | None


@dataclass(frozen=True, slots=True)
class PacePoint:
    at: datetime
    progress_pct: Decimal | None


@dataclass(frozen=True, slots=True)
class FanPoint:
    """Percentiles of the goal's own value after `trades`."""

    at: datetime
    trades: int
    p5: Decimal
    p25: Decimal
    p50: Decimal
    p75: Decimal
    p95: Decimal

    @property
    def values(self) -> tuple[Decimal, ...]:
        return self.p5, self.p25, self.p50, self.p75, self.p95


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """As of `as_of`; `out_of_date` where more was booked since, or a day has passed.

    `reason` says in words why something is not told, or under which condition it is;
    `marks` are on its figures.
    """

    goal_id: int
    as_of: datetime
    policy: str
    reason: str | None
    marks: tuple[Mark, ...]
    suggestions: Suggestions
    unreachable: bool
    out_of_date: bool = False

    @property
    def words(self) -> Text:
        """The reason; empty without one."""
        return Text(self.reason or "", self.marks)

    @property
    def took_work(self) -> bool:
        """Whether walks were made for it: else it is made again in no time."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectionAnswer(Answer):
    """Probabilities and growths are ratios, as in `GoalProjection`."""

    meaning: ClassVar[str] = "touched by the deadline, not held"

    probability: Decimal | None
    probability_low: Decimal | None
    probability_high: Decimal | None
    probability_if_resumed: Decimal | None
    confidence: str
    progress_pct: Decimal
    trades_per_day: Decimal
    trades_left: Decimal | None
    dispersion: float | None
    required_per_trade: Decimal | None
    required_per_day: Decimal | None
    edge: EdgeAnswer | None
    unreachable_reason: str | None
    streaks: Streaks | None
    pace_line: tuple[PacePoint, ...]
    fan: tuple[FanPoint, ...]

    @property
    def took_work(self) -> bool:
        return self.streaks is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantPoint(FrontierPoint):
    factor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyPoint(FrontierPoint):
    policy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontierAnswer(Answer):
    """Without points, and a verdict, where `reason` says why."""

    constants: tuple[ConstantPoint, ...]
    policies: tuple[PolicyPoint, ...]
    verdict: str | None

    @property
    def took_work(self) -> bool:
        return self.verdict is not None

    @property
    def frontier(self) -> GoalFrontier | None:
        if self.verdict is None:
            return None
        constants = tuple((one.factor, one) for one in self.constants)
        policies = {one.policy: one for one in self.policies}
        return GoalFrontier(Frontier(constants, policies), self.verdict)
