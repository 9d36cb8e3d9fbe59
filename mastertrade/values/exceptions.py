"""What the domain refuses, with the code that the HTTP contract shows."""

from collections.abc import Iterable
from typing import Any, ClassVar

from mastertrade.values.in_text import after_colon, cased, join, name, say


class DomainError(Exception):
    """Something the present state refuses; the HTTP interface answers 409.

    `code` is stable and meant for programs, `detail` for people; `facts` are what a
    program needs besides, by name. `on_page` is `detail` for a person at a form, who
    calls no API, where that must differ.
    """

    code: ClassVar[str] = "refused"
    facts: ClassVar[tuple[str, ...]] = ()

    def __init__(self, detail: str, *, on_page: str = "", **facts: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.on_page = on_page or detail
        self.given = facts


class InvalidInput(DomainError):
    """Bad input; `field` names what is wrong. The HTTP interface answers 400.

    `also` is what else is wrong with the same input.
    """

    code = "invalid"

    def __init__(
        self, field: str, detail: str, also: Iterable["InvalidInput"] = ()
    ) -> None:
        super().__init__(detail)
        self.field = field
        self.also = tuple(also)
        self.on_page = cased(str(self))

    @property
    def errors(self) -> dict[str, list[str]]:
        """What is wrong, by field."""
        found = {self.field: [self.detail]}
        for one in self.also:
            for field, details in one.errors.items():
                known = found.setdefault(field, [])
                known += [detail for detail in details if detail not in known]
        return found

    def __str__(self) -> str:
        return join(
            "\n",
            (
                say("{}: {}", name(field), after_colon(detail))
                for field, details in self.errors.items()
                for detail in details
            ),
        )


class NotFound(DomainError):
    """No such object for this user; the HTTP interface answers 404."""

    code = "not_found"


class ComeAgain(Exception):
    """Not yet: sent again, it is answered. The HTTP interface answers 503."""


class IdempotencyConflict(DomainError):
    """The same `external_id` or `request_id` came with another body."""

    code = "idempotency_conflict"

    @classmethod
    def of(cls, what: str, external_id: str | None) -> "IdempotencyConflict":
        """It was recorded under this id, with other figures."""
        return cls(
            f"{what} {external_id} was recorded with other figures. Use another "
            "external_id for another one."
        )


class OutOfRange(DomainError):
    """A booking would leave the range of the ledger's numeric columns."""

    code = "out_of_range"


class PortfolioFrozen(DomainError):
    """Currency, time zone, opening balance and the day's start stay once it is used."""

    code = "portfolio_frozen"


class PortfolioIsLive(DomainError):
    """Only simulations and demos are deleted."""

    code = "portfolio_is_live"


class PortfolioFinished(DomainError):
    """A replay's portfolio is the record of that replay, and nothing is added to it."""

    code = "portfolio_is_finished"


class PortfolioRuined(DomainError):
    """Trading took the equity to zero or below; only a deposit ends that."""

    code = "portfolio_ruined"


class PortfolioUnfunded(DomainError):
    """The portfolio has no equity to trade with."""

    code = "portfolio_unfunded"


class CashFlowRefused(DomainError):
    """The floor stays where it is in money, and a goal that fails at it runs."""

    code = "cash_flow_refused"


class InsufficientEquity(DomainError):
    """A withdrawal above the equity."""

    code = "insufficient_equity"


class NoActiveGoal(DomainError):
    """No goal of the portfolio takes part in decisions at this time."""

    code = "no_active_goal"


class GoalNotActive(DomainError):
    """The goal is paused, ended or not yet started."""

    code = "goal_not_active"


class GoalExists(DomainError):
    """A goal of the same kind, target and last day has not ended."""

    code = "goal_exists"
    facts = ("goal_id",)


class TooManyGoals(DomainError):
    """The portfolio has as many goals that have not ended as it may have."""

    code = "too_many_goals"


class TooManyTokens(DomainError):
    """The user has as many API tokens, or webhooks, as one may have."""

    code = "too_many_tokens"


class AccountInUse(DomainError):
    """The account cannot be deleted now; only the site's pages delete one."""

    code = "account_in_use"


class TooManyChannels(DomainError):
    """The user has as many alert channels as one may have."""

    code = "too_many_channels"


class ChannelNotActive(DomainError):
    """The channel is switched off: nothing is sent to it."""

    code = "channel_not_active"


class TooManyMappings(DomainError):
    """The user has stored as many mappings of columns as one may have."""

    code = "too_many_mappings"


class ImportNotUndone(DomainError):
    """Something depends on an import's trades, so that it cannot be undone."""

    code = "import_not_undone"


class TooManyJobs(DomainError):
    """The user has as many jobs as one may have."""

    code = "too_many_jobs"


class JobHasEnded(DomainError):
    """The job was done, or failed, before it could be cancelled."""

    code = "job_has_ended"


class NoActiveStrategy(DomainError):
    """No active strategy competes."""

    code = "no_active_strategy"


class StrategyNotActive(DomainError):
    """The strategy is paused or retired."""

    code = "strategy_not_active"


class TradeAlreadyClosed(DomainError):
    """The trade was closed before with other figures."""

    code = "trade_already_closed"


class TradeNotOpen(DomainError):
    """The trade is closed or void: nothing can be added to it or closed of it."""

    code = "trade_not_open"


class TradingHalted(DomainError):
    """Trading in the portfolio is halted: no trade opens, unless overridden.

    `unsaved` is the portfolio's key where this call found the halt: the refusal undoes
    what it wrote.
    """

    code = "trading_halted"
    unsaved: int | None = None


class TradingNotHalted(DomainError):
    """There is no halt to end."""

    code = "not_halted"


class FloorReferenceRequired(DomainError):
    """A static floor was reached: a person must say what it is measured from now."""

    code = "floor_reference_required"


class FillMissing(DomainError):
    """A bot sent a fill, but not the ones before it; nothing was booked."""

    code = "fill_missing"
