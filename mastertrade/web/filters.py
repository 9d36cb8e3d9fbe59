"""Filters of lists whose errors say what is allowed."""

from typing import Any

import django_filters
from django import forms
from django_filters.fields import ChoiceField, MultipleChoiceField
from django_filters.rest_framework import DjangoFilterBackend

from mastertrade.values.messages import no_choice


class _WordField(ChoiceField):
    def validate(self, value: Any) -> None:
        if value not in self.empty_values and not self.valid_value(value):
            raise forms.ValidationError(_no_choice(self, value))
        super().validate(value)


class _WordsField(MultipleChoiceField):
    def validate(self, value: Any) -> None:
        for one in value or ():
            if not self.valid_value(one):
                raise forms.ValidationError(_no_choice(self, one))
        super().validate(value)


def _no_choice(field: Any, value: str) -> str:
    return no_choice(value, [str(word) for word, _ in field.choices if word != ""])


class WordFilter(django_filters.ChoiceFilter):
    """One of an enumeration's words."""

    field_class = _WordField


class WordsFilter(django_filters.MultipleChoiceFilter):
    """Any of an enumeration's words; may be repeated."""

    field_class = _WordsField


class DateFilter(django_filters.DateFilter):
    """A date such as 2026-03-31."""

    def __init__(self, *names: Any, **options: Any) -> None:
        wrong = {"invalid": "Must be a date, such as 2026-03-31."}
        super().__init__(*names, error_messages=wrong, **options)


class FilterSet(django_filters.FilterSet):
    """Filters of a list; a column of words takes one of its words."""

    @classmethod
    def filter_for_lookup(cls, field: Any, lookup_type: str) -> Any:
        found, options = super().filter_for_lookup(field, lookup_type)
        is_word = found is django_filters.ChoiceFilter
        return (WordFilter if is_word else found), options


class FilterBackend(DjangoFilterBackend):
    """Makes a `FilterSet` of a view's `filterset_fields`."""

    filterset_base = FilterSet
