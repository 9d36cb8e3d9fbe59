"""Forms whose rules are the services': what a service refuses becomes a form error."""

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from django import forms
from django.db import DataError, IntegrityError, transaction
from django.db.models import Model

from goals.models import FinancialGoal, Portfolio
from goals.services import (
    create_goal,
    create_portfolio,
    update_goal,
    update_portfolio,
)
from mastertrade.exceptions import DomainError, InvalidInput
from mastertrade.money import format_plain

Row = TypeVar("Row", bound=Model)

if TYPE_CHECKING:
    GenericForm = forms.ModelForm
else:

    class GenericForm(forms.ModelForm):
        """`ModelForm[Model]` at run time too, as the type checker knows it."""

        def __class_getitem__(cls, model):
            return cls


class ServiceForm(GenericForm[Row]):
    """A form that a service checks and saves, inside the request's transaction.

    Validating it is calling the service: what the service refuses leaves nothing
    behind and shows at the field it names. The admin then has nothing left to save.
    """

    # The request's clock; the admin sets it on the class it makes for the request.
    now: ClassVar[datetime]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, value in self.initial.items():
            if isinstance(value, Decimal):
                self.initial[name] = Decimal(format_plain(value))

    def call_service(self) -> Row:
        """Create or change the object from `cleaned_data`."""
        raise NotImplementedError

    @property
    def is_new(self) -> bool:
        return self.instance.pk is None

    @property
    def changes(self) -> dict[str, Any]:
        """Only what the person changed: the rest may have moved since."""
        return {
            name: self.cleaned_data[name]
            for name in self.changed_data
            if name in self.cleaned_data
        }

    def _post_clean(self) -> None:
        """In place of the model's checks: the service makes them, and the database."""
        if self.errors:
            return
        try:
            with transaction.atomic():
                self.instance = self.call_service()
        except InvalidInput as error:
            for wrong in (error, *error.also):
                if wrong.field in self.fields:
                    self.add_error(wrong.field, wrong.detail)
                else:
                    self.add_error(None, f"{wrong.field}: {wrong.detail}")
        except DomainError as error:
            self.add_error(None, error.detail)
        except (IntegrityError, DataError) as error:
            self.add_error(None, f"The database refuses this: {_rule_of(error)}.")


def _rule_of(error: Exception) -> str:
    """The constraint that a statement broke, or the server's own words."""
    diagnosis = getattr(error.__cause__, "diag", None)
    name = getattr(diagnosis, "constraint_name", None)
    return str(name or getattr(diagnosis, "message_primary", None) or error)


class GoalForm(ServiceForm[FinancialGoal]):
    """A goal; its owner is the portfolio's."""

    class Meta:
        model = FinancialGoal
        fields = (
            "portfolio",
            "goal_type",
            "target_value",
            "start_value",
            "start_date",
            "target_date",
            "priority",
            "recurring",
            "policy",
            "min_factor",
            "max_factor",
            "after_achieved",
        )
        help_texts = {
            "target_value": "Percent for a return, the portfolio's money otherwise.",
            "start_value": "Only for a portfolio value; default: the live equity.",
            "start_date": "Default: today in the portfolio's time zone.",
            "priority": "1 (highest) to 10: which goal of a portfolio decides.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("start_value", "start_date"):
            if name in self.fields:
                self.fields[name].required = False
                self.initial.pop(name, None)
                self.fields[name].initial = None
        if "target_date" in self.fields:
            self._explain_target_date(self.fields["target_date"])

    def _explain_target_date(self, field: forms.Field) -> None:
        """Only a new goal's date is chosen for the user, and only some have none."""
        field.help_text = "The last day of the period."
        if self.is_new:
            field.help_text += (
                " Default: the end of the calendar month, quarter or year."
            )
        else:
            field.required = self.instance.kind.months is not None

    def call_service(self) -> FinancialGoal:
        if self.is_new:
            fields = dict(self.cleaned_data)
            portfolio = fields.pop("portfolio")
            return create_goal(
                user=portfolio.user, portfolio=portfolio.pk, as_of=self.now, **fields
            )
        return update_goal(
            user=self.instance.user,
            goal_id=self.instance.pk,
            as_of=self.now,
            **self.changes,
        )


class PortfolioForm(ServiceForm[Portfolio]):
    class Meta:
        model = Portfolio
        fields = (
            "user",
            "name",
            "currency",
            "time_zone",
            "opening_balance",
            "soft_drawdown_pct",
            "hard_drawdown_pct",
            "daily_loss_limit_pct",
            "max_position_pct",
            "edge_guard",
        )
        help_texts = {
            "currency": "2 to 10 capital letters or digits, such as USDT.",
            "time_zone": "Such as Europe/Vienna: where its days and months begin.",
            "soft_drawdown_pct": "From here on no size above the base size.",
            "hard_drawdown_pct": "Here trading halts until a person resumes it.",
            "daily_loss_limit_pct": "Default: off.",
            "max_position_pct": "Percent of live equity per symbol. Default: off.",
        }

    def call_service(self) -> Portfolio:
        if self.is_new:
            return create_portfolio(now=self.now, **self.cleaned_data)
        return update_portfolio(
            portfolio_id=self.instance.pk,
            user=self.instance.user,
            now=self.now,
            **self.changes,
        )
