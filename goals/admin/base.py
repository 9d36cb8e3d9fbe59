"""What operators' pages share: rows are looked at, and acted on by services alone."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.contrib.admin.options import BaseModelAdmin
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.db.models.options import Options
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from django.utils import timezone

from goals.services.voids import LONGEST_REASON
from mastertrade.values.exceptions import DomainError
from mastertrade.values.money import format_plain

NONE = "-"  # as Django shows an empty column
# More refusals than these are only counted.
MOST_REFUSALS = 10
NEWEST = 25


def now_of(request: HttpRequest) -> datetime:
    """The request's one reading of the clock."""
    now = getattr(request, "_read_clock", None)
    if now is None:
        now = timezone.now()
        request._read_clock = now  # type: ignore[attr-defined]
    return cast(datetime, now)


def in_utc(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def in_lines(value: Any, path: str = "") -> str:
    """Logged JSON, a line for each figure: "goals.0.factor: 1.3"."""
    if isinstance(value, Mapping):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    else:
        items, value = [], str(value)
    if not items:
        return f"{path}: {value or NONE}" if path else str(value or NONE)
    prefix = f"{path}." if path else ""
    return "\n".join(in_lines(one, f"{prefix}{key}") for key, one in items)


SHOWN: tuple[tuple[type[Any], Callable[[Any], str]], ...] = (
    (models.DecimalField, format_plain),
    (models.DateTimeField, in_utc),
    (models.JSONField, in_lines),
)


@cache
def column(options: "Options[Any]", name: str) -> Any:
    """The column of that name where Django shows it badly: decimals without their
    zeros, times in UTC, JSON by lines. Any other name is left to Django."""
    try:
        field = options.get_field(name)
    except FieldDoesNotExist:
        return name
    show = next((show for kind, show in SHOWN if isinstance(field, kind)), None)
    if show is None:
        return name

    @admin.display(description=getattr(field, "verbose_name", name), ordering=name)
    def cell(row: models.Model) -> str:
        value = getattr(row, name)
        return NONE if value is None else show(value)

    return cell


class LookedAt(BaseModelAdmin):  # type: ignore[type-arg]
    """Nobody adds, changes or deletes a row here; every column is shown by default."""

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        names: Any = self.fields or [one.name for one in self.opts.concrete_fields]
        return [column(self.opts, name) for name in names]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyAdmin(LookedAt, admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows to look at; who may change them may act on them, by services."""

    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        names: Any = self.list_display
        return [column(self.opts, name) for name in names]

    def has_act_permission(self, request: HttpRequest) -> bool:
        name = f"{self.opts.app_label}.change_{self.opts.model_name}"
        return request.user.has_perm(name)

    def act_on_each(
        self,
        request: HttpRequest,
        rows: models.QuerySet[Any],
        done: str,
        service: Callable[[Any], object],
    ) -> None:
        """One transaction a row: a refusal says why and leaves the others be."""
        count, refusals = 0, []
        for row in rows.order_by("pk"):
            try:
                service(row)
                count += 1
            except DomainError as error:
                refusals.append(f"{row}: {error.on_page}")
        if count:
            self.message_user(request, f"{done}: {count}.", messages.SUCCESS)
        if len(refusals) > MOST_REFUSALS:
            more = f"{len(refusals) - MOST_REFUSALS} more were refused."
            refusals[MOST_REFUSALS:] = [more]
        for refusal in refusals:
            self.message_user(request, refusal, messages.ERROR)


class ReasonForm(ActionForm):
    """What goes with an action on the list."""

    reason = forms.CharField(
        required=False, max_length=LONGEST_REASON, label="\N{EM SPACE}Reason:"
    )


class NewestRows(BaseInlineFormSet):  # type: ignore[type-arg]
    def get_queryset(self) -> Any:
        if not hasattr(self, "_queryset"):
            self._queryset = super().get_queryset()[:NEWEST]
        return self._queryset


class NewestInline(LookedAt, admin.TabularInline):  # type: ignore[type-arg]
    """The newest rows that belong to the page's object."""

    formset = NewestRows
    extra = 0
    show_change_link = True

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return self.get_fields(request, obj)
