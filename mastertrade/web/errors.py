"""What every endpoint shares: pages, and one exception handler."""

from collections.abc import Mapping
from itertools import islice
from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import IntegrityError
from django.http import Http404
from psycopg.errors import UniqueViolation
from rest_framework import serializers, status
from rest_framework.exceptions import (
    APIException,
    MethodNotAllowed,
    NotAcceptable,
    ParseError,
)
from rest_framework.exceptions import NotFound as NoSuchPage
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import exception_handler

from mastertrade.db.limits import has_timed_out, is_unreachable
from mastertrade.values.exceptions import ComeAgain, DomainError, InvalidInput, NotFound
from mastertrade.web.json_parser import shorten

NON_FIELD_ERRORS_KEY = "non_field_errors"

# Django's own Http404 and PermissionDenied have no code.
DJANGOS_CODES = {
    status.HTTP_403_FORBIDDEN: "permission_denied",
    status.HTTP_404_NOT_FOUND: NotFound.code,
}


# Wrong fields that an error names; it says how many more there are.
MOST_ERRORS = 20
AND_MORE = "and_more"
# Characters of one message.
MAX_DETAIL = 1_000


class DatabaseUnreachable(APIException):
    """The database does not answer; it may have done what was asked just before."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = (
        "The database does not answer. The request was done completely or not at "
        "all: send it again, with the same id."
    )
    default_code = "database_unavailable"


class DatabaseBusy(APIException):
    """A time limit of the database ran out; what was asked is undone."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = (
        "Another request holds what this one needs, or it takes too long. Nothing was "
        "done: send it again, with the same id."
    )
    default_code = "database_busy"
    wait = 1  # seconds, as Retry-After


class BodyTooLarge(APIException):
    """The body is larger than the site reads."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = "The body is too large."
    default_code = "too_large"


class AlreadyExists(DomainError):
    """Another request made the same thing at the same time, and was first."""

    code = "already_exists"


def handle_exception(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turn what the domain refuses into the contract's answers.

    Bad input 400 with the field's name, an unknown object 404, anything else that the
    state refuses 409 with its code.
    """
    try:
        response = _respond(_with_more(error, context), context)
    except Exception as worse:  # it asks the database
        response = _respond(worse, context)
    if response is not None:
        response.data = readable(response.data)
    return response


def _with_more(error: Exception, context: dict[str, Any]) -> Exception:
    """An unknown object of the address, else all bad input, else what was found.

    Bad input comes before what the state refuses: 404, then 400 or 406, then 409.
    """
    view: Any = context.get("view")
    is_bad_input = isinstance(
        error, (InvalidInput, serializers.ValidationError, ParseError)
    )
    if is_bad_input or isinstance(error, NotAcceptable):
        _refuse_unknown_subject(view)
    body = getattr(view, "body", None)
    is_refusal = isinstance(error, DomainError) and not isinstance(error, NotFound)
    if body is None or not (is_bad_input or is_refusal):
        return error
    found: dict[str, Any] = {}
    if isinstance(error, InvalidInput):
        found = error.errors
    elif isinstance(error, serializers.ValidationError):
        details: Any = error.detail
        found = dict(details) if isinstance(details, Mapping) else {}
    for more in body.more_errors():
        _add(found, more)
    return serializers.ValidationError(found) if found else error


def _add(found: dict[str, Any], more: InvalidInput) -> None:
    """Next to the errors of a list's items, the errors of the list as a whole."""
    known = found.setdefault(more.field, [])
    if isinstance(known, Mapping):
        known = dict(known)
        found[more.field] = known
        known = known.setdefault(NON_FIELD_ERRORS_KEY, [])
    if more.detail not in known:
        known.append(more.detail)


def _refuse_unknown_subject(view: Any) -> None:
    """Raise `NotFound` where the address names what the user does not have.

    A view without an object of its own names its model, and that model's way to the
    owner, in `subject`.
    """
    subject = getattr(view, "subject", None)
    if subject is None:
        named = getattr(view, "lookup_url_kwarg", None)
        if (named or getattr(view, "lookup_field", None)) in getattr(
            view, "kwargs", ()
        ):
            view.get_object()
        return
    model, owner = subject
    mine = {owner: view.request.user.get_username()}
    if not model._default_manager.filter(**mine, **view.kwargs).exists():
        raise _unknown(view)


def _unknown(view: Any) -> NotFound:
    """What the address names last, in its words."""
    name, key = list(view.kwargs.items())[-1]
    what = name.removesuffix("_id").removesuffix("_key").replace("_", " ")
    return NotFound(f"You have no {what} {shorten(str(key))}.")


def _respond(error: Exception, context: dict[str, Any]) -> Response | None:
    if isinstance(error, IntegrityError) and isinstance(
        error.__cause__, UniqueViolation
    ):
        error = AlreadyExists(
            "Another request has just created the same; see its result."
        )
    if isinstance(error, Http404) and getattr(context.get("view"), "kwargs", None):
        error = _unknown(context["view"])
    if isinstance(error, InvalidInput):
        body: dict[str, Any] = dict(error.errors)
        return _answer(body, status.HTTP_400_BAD_REQUEST)
    if isinstance(error, NotFound):
        body = {"detail": error.detail, "code": error.code}
        return _answer(body, status.HTTP_404_NOT_FOUND)
    if isinstance(error, ComeAgain):
        error = DatabaseBusy(str(error))
    if isinstance(error, DomainError):
        body = {"code": error.code, "detail": error.detail, **error.given}
        return _answer(body, status.HTTP_409_CONFLICT)
    if isinstance(error, DjangoValidationError):
        error = serializers.ValidationError(serializers.as_serializer_error(error))
    if has_timed_out(error):
        error = DatabaseBusy()
    if is_unreachable(error):
        error = DatabaseUnreachable()
    if isinstance(error, RequestDataTooBig):
        error = BodyTooLarge()
    if isinstance(error, SuspiciousOperation):  # too many fields, or files, in a form
        error = ParseError(str(error))
    if isinstance(error, MethodNotAllowed):
        allowed = context["view"].allowed_methods
        names = ", ".join(one for one in allowed if one not in {"HEAD", "OPTIONS"})
        method = context["request"].method
        error = MethodNotAllowed(
            method, f"{method} is not allowed here. Allowed: {names}."
        )
    response = exception_handler(error, context)
    return response if response is None else _with_code(response, error)


def _with_code(response: Response, error: Exception) -> Response:
    """Give the framework's own refusals a `code` too, next to their `detail`."""
    data = response.data
    if isinstance(data, dict) and "detail" in data and "code" not in data:
        if isinstance(error, APIException):
            data["code"] = error.get_codes()
        else:
            data["code"] = DJANGOS_CODES[response.status_code]
    return response


def _answer(body: dict[str, Any], status_code: int) -> Response:
    return Response(body, status=status_code)


def readable(data: Any) -> Any:
    """What of an error is shown: the first `MOST_ERRORS` fields, and no long text.

    An answer may repeat what was sent, and is UTF-8, which cannot hold it all.
    """
    if isinstance(data, Mapping):
        first = islice(data.items(), MOST_ERRORS)
        shown = {_readable_name(key): readable(value) for key, value in first}
        if len(data) > MOST_ERRORS:
            more = len(data) - MOST_ERRORS
            shown[AND_MORE] = [f"{more:,} more fields are wrong."]
        return shown
    if isinstance(data, (list, tuple)):
        listed = [readable(value) for value in data[:MOST_ERRORS]]
        if len(data) > MOST_ERRORS:
            listed.append(f"{len(data) - MOST_ERRORS:,} more are wrong.")
        return listed
    if isinstance(data, str):
        return shorten(data, MAX_DETAIL).encode("utf-8", "replace").decode("utf-8")
    return data


def _readable_name(name: Any) -> Any:
    return readable(shorten(name) if isinstance(name, str) else name)


class Pages(PageNumberPagination):
    """`?page=` and `?page_size=`, 50 rows a page, 500 at most."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500

    def paginate_queryset(
        self, queryset: Any, request: Request, view: Any = None
    ) -> list[Any] | None:
        try:
            return super().paginate_queryset(queryset, request, view)
        except NoSuchPage:
            size = self.get_page_size(request) or self.page_size
            pages = self.django_paginator_class(queryset, size).num_pages
            there_are = (
                "there is page 1 only" if pages == 1 else f"pages are 1 to {pages:,}"
            )
            asked = shorten(request.query_params.get(self.page_query_param, ""))
            raise NoSuchPage(f"There is no page {asked}; {there_are}.") from None

    def get_page_size(self, request: Request) -> int | None:
        wanted = request.query_params.get("page_size")
        is_number = wanted is None or (wanted.isascii() and wanted.isdecimal())
        if not is_number or (wanted and not wanted.strip("0")) or wanted == "":
            raise InvalidInput("page_size", "must be a whole number above 0.")
        if wanted is not None and len(wanted) > len(str(self.max_page_size)):
            return self.max_page_size
        return super().get_page_size(request)
