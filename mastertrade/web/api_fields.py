"""Fields of request bodies and answers, and the body in which every field counts."""

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from copy import copy, deepcopy
from decimal import Decimal
from functools import cache, partial
from itertools import islice
from typing import Any, ClassVar, NoReturn

from django.core.validators import (
    MaxLengthValidator,
    MaxValueValidator,
    MinLengthValidator,
    MinValueValidator,
)
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import SkipField, empty
from rest_framework.request import Request
from rest_framework.utils.html import is_html_input

from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.jsonable import show
from mastertrade.values.messages import no_choice, unknown_field
from mastertrade.values.money import format_plain
from mastertrade.values.validation import (
    EARLIEST_YEAR,
    HIDDEN,
    HIDDEN_FOUND,
    is_plain_number,
)
from mastertrade.web.json_parser import MAX_JSON_DEPTH

# Unknown names that a nearest one is looked for; an answer shows no more of them.
MOST_COMPARED = 20
SET_BY_MASTERTRADE = "is set by MasterTrade and cannot be sent."
# In place of the framework's own words, unless a field has words of its own.
PLAIN_WORDS: dict[type[serializers.Field[Any, Any, Any, Any]], dict[str, str]] = {
    serializers.Field: {"null": "Must not be null."},
    serializers.DecimalField: {"invalid": 'Must be a number, such as "1250.50".'},
    serializers.IntegerField: {"invalid": "Must be a whole number, such as 5."},
    serializers.BooleanField: {"invalid": "Must be true or false."},
    serializers.CharField: {
        "invalid": "Must be text.",
        "blank": "Must not be empty.",
    },
    serializers.DateField: {
        "invalid": "Must be a date, such as 2026-03-31.",
        "datetime": "Must be a date without a time, such as 2026-03-31.",
    },
    serializers.TimeField: {"invalid": "Must be a time of day, such as 17:00."},
    serializers.DateTimeField: {
        "invalid": "Must be an instant with its offset, such as 2026-03-02T12:00:00Z.",
        "date": "Must be an instant with its offset, such as 2026-03-02T12:00:00Z.",
    },
    serializers.ListField: {"not_a_list": "Must be a list, such as [1, 2]."},
    serializers.FileField: {"invalid": "Must be a file, sent in a form."},
}


class StrictSerializer(serializers.Serializer[Any]):
    """A request body in which every field counts: an unknown one is refused.

    A misspelt `max_szie` must not silently size a trade without its limit. Everything
    that is wrong is found in one go: `find_wrong` looks at what fields say together,
    `find_more` (only once something is wrong) at what it takes the database to know.
    """

    default_error_messages = {
        "invalid": 'Must be a JSON object, such as {"field": "value"}.'
    }
    # Fields that an answer has and no body; and why others cannot be sent here.
    answered: ClassVar[tuple[str, ...]] = ()
    fixed: ClassVar[Mapping[str, str]] = {}
    # What a field is judged with: where that cannot be read, it is not judged.
    judged_with: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    # Of a body that was validated: what of it could be read.
    readable: Mapping[str, Any] = {}
    # Of its lists with wrong items: the others.
    parts: Mapping[str, list[Any]] = {}
    unreadable: Collection[str] = ()

    def get_fields(self) -> dict[str, Any]:
        """Copies of the class's fields: to make them anew costs more than to read."""
        return {name: make() for name, make in _copiers_of(type(self)).items()}

    def run_validation(self, data: Any = empty) -> Any:
        if data is None and not self.allow_null:
            self._refuse_no_object()
        return super().run_validation(data)

    def _refuse_no_object(self) -> NoReturn:
        text = self.error_messages["invalid"]
        raise serializers.ValidationError({"non_field_errors": [text]})

    def to_internal_value(self, data: Any) -> Any:
        readable: dict[str, Any] = {}
        parts: dict[str, list[Any]] = {}
        self.readable, self.parts = readable, parts
        if not isinstance(data, Mapping):
            self._refuse_no_object()
        errors: dict[str, Any] = self._unknown_fields(data)
        for field in self._writable_fields:
            name = str(field.field_name)
            try:
                readable[name] = field.run_validation(field.get_value(data))
            except serializers.ValidationError as error:
                errors[name] = error.detail
                if isinstance(error.detail, dict) and hasattr(field, "child"):
                    parts[name] = _readable_items(field, data[name], error.detail)
            except SkipField:
                pass
        self.unreadable = set(errors)
        for wrong in self._judgeable(self.find_wrong(readable)):
            errors.setdefault(wrong.field, [wrong.detail])
        if errors:
            raise serializers.ValidationError(errors)
        return {
            name: validate(value)
            if (validate := getattr(self, f"validate_{name}", None))
            else value
            for name, value in self.readable.items()
        }

    def find_wrong(self, fields: Mapping[str, Any]) -> Iterator[InvalidInput]:
        """What the fields that could be read say together, without the database."""
        yield from ()

    def find_more(self, fields: Mapping[str, Any]) -> Iterator[InvalidInput]:
        """What else is wrong, by the database: asked for once an error was found."""
        yield from ()

    def more_errors(self) -> Iterator[InvalidInput]:
        """What `find_more` finds in a body that was refused."""
        return self._judgeable(self.find_more({**self.readable, **self.parts}))

    def _judgeable(self, found: Iterator[InvalidInput]) -> Iterator[InvalidInput]:
        for wrong in found:
            if not set(self.judged_with.get(wrong.field, ())) & set(self.unreadable):
                yield wrong

    def _unknown_fields(self, data: Mapping[Any, Any]) -> dict[str, Any]:
        known = [name for name, field in self.fields.items() if not field.read_only]
        unknown = [str(name) for name in data if name not in known]
        refused = {}
        for name in islice(unknown, MOST_COMPARED):
            if name in self.fixed:
                refused[name] = [self.fixed[name]]
            elif name in self.answered:
                refused[name] = [SET_BY_MASTERTRADE]
            else:
                refused[name] = [unknown_field(name, known)]
        # No answer shows them, but says how many they are.
        uncompared = unknown[MOST_COMPARED:]
        return {**refused, **{name: ["Unknown field."] for name in uncompared}}


class NoFieldsSerializer(StrictSerializer):
    """The body of a call that takes none: empty, or an object without fields."""


def read_body(
    view: Any, kind: type[StrictSerializer], data: Any = None
) -> dict[str, Any]:
    """The fields of a request's body, all valid; `data` is the body unless given.

    The body is left in `view.body`: what a service refuses later is answered together
    with what else `find_more` says of it.
    """
    request: Request = view.request
    given = request.data if data is None else data
    body = kind(data=given, context={"user": request.user, **view.kwargs})
    view.body = body
    body.is_valid(raise_exception=True)
    fields: dict[str, Any] = body.validated_data
    return fields


def _readable_items(field: Any, items: list[Any], wrong: Collection[Any]) -> list[Any]:
    """What of a list can be read; `wrong` are the numbers of the other items."""
    return [
        field.child.run_validation(item)
        for number, item in enumerate(items)
        if number not in wrong
    ]


@cache
def _copiers_of(kind: type[StrictSerializer]) -> dict[str, Callable[[], Any]]:
    """What makes each field that the class declares, with plain words, to be bound.

    A field that a serializer is part of is made anew: its parts know their parent.
    """
    copiers: dict[str, Callable[[], Any]] = {}
    for name, declared in kind._declared_fields.items():
        parts = (declared, getattr(declared, "child", None))
        if any(isinstance(part, serializers.BaseSerializer) for part in parts):
            copiers[name] = partial(_make_plain, declared)
        else:
            copiers[name] = partial(copy, _make_plain(declared))
    return copiers


def _make_plain(declared: Any) -> Any:
    field = deepcopy(declared)
    _speak_plainly(field)
    return field


def _speak_plainly(field: Any) -> None:
    for kind, words in PLAIN_WORDS.items():
        if isinstance(field, kind):
            usual = kind.default_error_messages
            for key, text in words.items():
                if field.error_messages.get(key) == usual[key]:
                    field.error_messages[key] = text
    if not isinstance(field, serializers.DecimalField):  # it has words of its own
        unit = "items" if isinstance(field, serializers.ListField) else "characters"
        _speak_plainly_of_bounds(field.validators, unit)
    child = getattr(field, "child", None)
    if child is not None:
        _speak_plainly(child)


def _speak_plainly_of_bounds(validators: Iterable[Any], unit: str) -> None:
    bounds = {type(one): one for one in validators}
    lowest, highest = bounds.get(MinValueValidator), bounds.get(MaxValueValidator)
    if lowest and highest:
        words = f"Must be from {lowest.limit_value} to {highest.limit_value}."
        lowest.message = highest.message = words
    lengths = {MinLengthValidator: "at least", MaxLengthValidator: "at most"}
    for kind, words in lengths.items():
        if kind in bounds:
            bounds[
                kind
            ].message = f"Must have {words} {bounds[kind].limit_value} {unit}."


class ChoiceField(serializers.ChoiceField):
    """One of a few words; an error lists them and the nearest."""

    def to_internal_value(self, data: Any) -> Any:
        if data == "" or not isinstance(data, str) or data not in self.choices:
            words = [str(word) for word in self.choices]
            shown = data if isinstance(data, str) else ""
            raise serializers.ValidationError(no_choice(shown, words), "invalid_choice")
        return data


class VisibleTextField(serializers.CharField):
    """A symbol or an id: no control, hidden or text-turning characters."""

    default_error_messages = {"hidden": HIDDEN_FOUND[0].upper() + HIDDEN_FOUND[1:]}

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if HIDDEN.search(text):
            self.fail("hidden")
        return text


class TrueOrFalseField(serializers.BooleanField):
    """JSON's true or false, in a form these words; nothing that only looks like one."""

    def to_internal_value(self, data: Any) -> bool:
        if data in ("true", "false") and is_html_input(
            getattr(self.root, "initial_data", None)
        ):
            return bool(data == "true")
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class WholeNumberField(serializers.IntegerField):
    """A whole number, as JSON or in plain digits."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, str) and not is_plain_number(data):
            self.fail("invalid")
        return super().to_internal_value(data)


class DecimalColumnField(serializers.DecimalField):
    """An exact decimal, as wide as its column; a string in the answer.

    `above` is a bound that is not allowed itself.
    """

    default_error_messages = {
        "above": "Must be above {bound}.",
        "min_value": "Must be {min_value} or more.",
        "max_value": "Must be {max_value} or less.",
        "max_digits": "Must have at most {max_digits} digits.",
        "max_decimal_places": "Must have at most {max_decimal_places} decimal places.",
        "max_whole_digits": "Must have at most {max_whole_digits} digits before the "
        "point.",
    }

    def __init__(
        self,
        column: tuple[int, int],
        above: Decimal | int | None = None,
        **options: Any,
    ) -> None:
        digits, places = column
        self.column = column
        self.above = above
        super().__init__(max_digits=digits, decimal_places=places, **options)

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        """An empty string is neither a number nor null."""
        if isinstance(data, str) and not data.strip():
            return False, data
        return super().validate_empty_values(data)

    def to_internal_value(self, data: Any) -> Decimal:
        is_number = isinstance(data, (int, Decimal)) and not isinstance(data, bool)
        if not is_number and not (isinstance(data, str) and is_plain_number(data)):
            self.fail("invalid")
        number = super().to_internal_value(data)
        if self.above is not None and number <= self.above:
            self.fail("above", bound=format_plain(Decimal(self.above)))
        return number or abs(number)  # -0 would be shown with its sign

    def to_representation(self, value: Decimal | float) -> str:
        return show(Decimal(value), self.column)


class InstantField(serializers.DateTimeField):
    """An RFC 3339 instant. One without an offset is ambiguous and refused."""

    default_error_messages = {
        "naive": "An instant needs an offset, such as 2026-03-02T12:00:00Z.",
        "early": f"Instants before {EARLIEST_YEAR} are not supported.",
        "future": "Is in the future; it is {now:%FT%TZ} here.",
    }

    def enforce_timezone(self, value: Any) -> Any:
        if value.tzinfo is None:
            self.fail("naive")
        return super().enforce_timezone(value)

    def to_internal_value(self, value: Any) -> Any:
        instant = super().to_internal_value(value)
        if instant.year < EARLIEST_YEAR:
            self.fail("early")
        now = timezone.now()
        if instant > now:
            self.fail("future", now=now)
        return instant


@extend_schema_field({"type": "object", "additionalProperties": {}})
class JSONObjectField(serializers.JSONField):
    """A JSON object that PostgreSQL can keep."""

    default_error_messages = {
        "not_an_object": "Must be a JSON object.",
        "unstorable": "Must not contain NUL characters or lone surrogates.",
        "too_large": "Must not contain numbers that large.",
        "too_deep": f"Must not be nested deeper than {MAX_JSON_DEPTH} levels.",
    }

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, Mapping):
            self.fail("not_an_object")
        return self._plain(data, MAX_JSON_DEPTH)

    def _plain(self, value: Any, depth: int) -> Any:
        if depth == 0:
            self.fail("too_deep")
        if isinstance(value, Mapping):
            return {
                self._plain(key, depth - 1): self._plain(item, depth - 1)
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [self._plain(item, depth - 1) for item in value]
        if isinstance(value, Decimal):
            number = float(value)  # a strategy's parameter, not money
            if not math.isfinite(number):
                self.fail("too_large")
            return number
        if isinstance(value, str) and not _is_storable(value):
            self.fail("unstorable")
        return value


def _is_storable(text: str) -> bool:
    """Whether PostgreSQL can keep the text: no NUL, no lone surrogate."""
    return not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in text)


@extend_schema_field(
    {"oneOf": [{"type": "integer"}, {"type": "string"}], "default": "main"}
)
class PortfolioReferenceField(serializers.Field[Any, Any, Any, Any]):
    """A portfolio by its key or by its name; default `main`."""

    default_error_messages = {"invalid": "Must be a portfolio's key or its name."}

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, allow_null=True, **options)

    def to_internal_value(self, data: Any) -> int | str:
        if isinstance(data, bool) or not isinstance(data, (int, str)) or data == "":
            self.fail("invalid")
        if isinstance(data, str) and not (len(data) <= 100 and _is_storable(data)):
            self.fail("invalid")
        return data

    def to_representation(self, value: Any) -> Any:
        return value
