"""Filters of the lists: by the clock, and live rows before others."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from goals.enums import PortfolioKind


class WordFilter(admin.SimpleListFilter):
    """By the word of an enumeration in a column that the list's query adds."""

    words: ClassVar[Iterable[str]]
    column: ClassVar[str]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(word), word.replace("_", " ")) for word in self.words]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        asked = self.value()
        if asked not in dict(self.lookup_choices):
            return queryset
        return queryset.filter(**{self.column: asked})


class KindFilter(admin.SimpleListFilter):
    """Rows of live portfolios, unless another kind or one portfolio is asked for."""

    title = "kind of portfolio"
    parameter_name = "kind"
    path = "portfolio__kind"
    ALL = "all"
    NAMING: tuple[str, ...] = ("portfolio", "source_import")

    def __init__(
        self, request: HttpRequest, params: Any, model: Any, model_admin: Any
    ) -> None:
        super().__init__(request, params, model, model_admin)
        is_named = any(name in request.GET for name in self.NAMING)
        self.default = self.ALL if is_named else str(PortfolioKind.LIVE)

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(word), str(word)) for word in (*PortfolioKind, self.ALL)]

    def value(self) -> str:
        asked = super().value()
        return asked if asked in dict(self.lookup_choices) else self.default

    def choices(self, changelist: Any) -> Any:
        """Without Django's own "All": one of them is always chosen."""
        yield from list(super().choices(changelist))[1:]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == self.ALL:
            return queryset
        return queryset.filter(**{self.path: self.value()})


class OwnKindFilter(KindFilter):
    title = "kind"
    path = "kind"


class GoalKindFilter(KindFilter):
    path = "goal__portfolio__kind"
    NAMING = ("goal",)
