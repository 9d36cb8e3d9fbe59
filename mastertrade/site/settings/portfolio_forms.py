"""Forms of portfolios in a trader's words; the services check and save."""

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from django import forms

from goals.decisions.floor_reference import GivenReference
from goals.decisions.limits import SETS_REFERENCE
from goals.models import Portfolio
from goals.models.portfolios import LIMIT_KINDS
from goals.models.users import MAIN_PORTFOLIO
from goals.projection.presets import Preset, find_preset
from goals.services.challenges import create_challenge
from goals.services.limit_changes import floor_in_money
from goals.services.portfolio_settings import FROZEN_ONCE_USED, find_wrong_settings
from goals.services.portfolios import create_portfolio, is_used, update_portfolio
from mastertrade.site.forms import REFERENCE, TellsWrong, decimal_field
from mastertrade.site.limit_words import CHOICES, WORDS
from mastertrade.site.service_forms import ServiceForm, floor_field
from mastertrade.values import in_text
from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.in_text import Text, say
from mastertrade.values.money import MONEY

NEW_FIELDS = (
    "name",
    "currency",
    "time_zone",
    "opening_balance",
    "hard_drawdown_pct",
    "soft_drawdown_pct",
    "daily_loss_limit_pct",
)
MEASURED_ANEW = " A change measures the floor anew, from the present equity on."


class PortfolioForm(ServiceForm[Portfolio]):
    """One's own portfolio, new or not; `instance.user` is set."""

    class Meta:
        model = Portfolio
        fields = (
            "name",
            "currency",
            "time_zone",
            "opening_balance",
            *LIMIT_KINDS,
            "max_position_pct",
            "edge_guard",
            "successor",
        )

    field_names: ClassVar[dict[str, str]] = {"floor_reference": "floor_equity"}

    start_equity = floor_field("start_equity")
    peak_equity = floor_field("peak_equity")
    floor_equity = floor_field("floor_equity")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.is_new:
            for name in {*self.fields} - {*NEW_FIELDS}:
                del self.fields[name]
        else:
            self._leave_out_what_stays()
        for name, field in self.fields.items():
            label, words = WORDS[name]
            field.label, field.help_text = label, words
            if not self.is_new and name in SETS_REFERENCE:
                field.help_text += MEASURED_ANEW
            if name in CHOICES:
                field.choices = list(CHOICES[name].items())  # type: ignore[attr-defined]
            if isinstance(field, forms.DecimalField | forms.IntegerField):
                mode = "decimal" if isinstance(field, forms.DecimalField) else "numeric"
                field.widget = forms.TextInput({"inputmode": mode})
        if "time_zone" in self.fields:
            self.fields["time_zone"].widget.attrs |= {
                "list": "time-zones",
                "autocomplete": "off",
            }
        if "day_starts_at" in self.fields:
            self.fields["day_starts_at"].widget = forms.TimeInput(format="%H:%M")
        self.floor_before = None if self.is_new else self._floor()

    def _leave_out_what_stays(self) -> None:
        portfolio = self.instance
        stays = {*FROZEN_ONCE_USED} if is_used(portfolio) else set()
        if portfolio.name == MAIN_PORTFOLIO:
            stays.add("name")
        later = Portfolio.objects.filter(
            user_id=portfolio.user_id,
            kind=portfolio.kind,
            finished_at=None,
            last_entry_at=None,
            pk__gt=portfolio.pk,
        )
        later |= Portfolio.objects.filter(
            user_id=portfolio.user_id, predecessors=portfolio
        )
        choices = later.order_by("pk")
        if choices.exists():
            field = self.fields["successor"]
            field.queryset = choices  # type: ignore[attr-defined]
            field.label_from_instance = lambda one: one.name  # type: ignore[attr-defined]
        else:
            stays.add("successor")
        for name in stays:
            del self.fields[name]

    def show_preset(self, preset: Preset) -> None:
        """Fill in a firm's limits, unsaved, where they differ from what is stored."""
        for name in LIMIT_KINDS:
            if name in self.fields:
                self.initial[name] = getattr(preset.limits, name)
                # What is stored may be another: saving compares with that.
                self.fields[name].show_hidden_initial = False
        for name in REFERENCE:
            self.initial.pop(name, None)

    def _floor(self) -> Text | None:
        """Where the hard floor is, in words; None where there is none."""
        floor = floor_in_money(self.instance, self.now).floor_equity
        return None if floor is None else in_text.amount(floor, self.instance.currency)

    def notes(self) -> Iterator[str]:
        """Where the floor is if it moved, and the halts that a change does not end."""
        if self.floor_before is None:
            return
        floor, changed = self._floor(), set(self.changed_data)
        if floor != self.floor_before:
            why = "the percentages changed"
            if changed & {*REFERENCE}:
                why = "it is measured from what you gave"
            elif changed & {*SETS_REFERENCE}:
                why = "it is measured from the present equity on"
            before = self.floor_before
            yield say("The floor is now {} (was {}): {}.", floor, before, why)
        for halt in self.instance.halts.unresumed(self.now):
            yield say(
                "{} Changing a limit does not end it: to go on, resume trading.",
                halt.words,
            )

    def find_wrong(self) -> Iterable[InvalidInput]:
        given = self.cleaned_data if self.is_new else self.changes
        fields = {name: given[name] for name in given if name not in REFERENCE}
        return find_wrong_settings(self.instance.user, self.instance.pk, fields)

    def call_service(self) -> Portfolio:
        fields = dict(self.cleaned_data if self.is_new else self.changes)
        given = {name: fields.pop(name, None) for name in REFERENCE}
        call: dict[str, Any] = {
            "user": self.instance.user,
            "now": self.now,
            "changed_by": self.by,
        }
        if any(value is not None for value in given.values()):
            call["floor_reference"] = GivenReference(**given)
        if self.is_new:
            return create_portfolio(**call, **fields)
        if fields.get("successor") is not None:
            fields["successor"] = fields["successor"].pk
        return update_portfolio(portfolio_id=self.instance.pk, **call, **fields)


class ChallengeForm(TellsWrong, forms.Form):
    """A firm's challenge: a portfolio with its limits, and the goal of a phase."""

    name = forms.CharField(max_length=100, label="Name")
    phase = forms.TypedChoiceField(coerce=int, label="Phase")
    opening_balance = decimal_field(
        "It begins with",
        MONEY,
        help_text="The size of the account. The firm's percentages are of it.",
    )

    def __init__(self, key: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.key, preset = key, find_preset(key)
        phases = enumerate(preset.phases, start=1)
        self.fields["phase"].choices = [  # type: ignore[attr-defined]
            (number, phase.name) for number, phase in phases
        ]
        self.fields["opening_balance"].initial = preset.opening_balance

    def save(self, **call: Any) -> Portfolio | None:
        """None where the service refuses; what is wrong shows at its field."""
        try:
            return create_challenge(preset=self.key, **call, **self.cleaned_data)
        except InvalidInput as error:
            self.tell(error)
            return None
