"""The API's description: every status and code that an operation can answer."""

from collections.abc import Iterable
from typing import Any

from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers
from rest_framework.authentication import SessionAuthentication

from mastertrade.values.exceptions import NotFound, PortfolioFinished
from mastertrade.web.errors import (
    AlreadyExists,
    BodyTooLarge,
    DatabaseBusy,
    DatabaseUnreachable,
)

# A view names the `DomainError`s of each method here; they are its 409s.
ATTRIBUTE = "refusals"
# Of a view whose POST takes a password, of which a limited number is checked.
SIGNS_IN = "signs_in"
FIELDS = {
    "type": "object",
    "description": "All errors by field or parameter: the first 20, and in "
    "`and_more` how many more.",
    "additionalProperties": {},
}
EVERY = {
    401: (
        ("not_authenticated", "authentication_failed"),
        "No credentials, or wrong ones.",
    ),
    404: ((NotFound.code,), "No such object of this user."),
    406: (("not_acceptable",), "The only media type offered is JSON."),
    408: (("too_slow",), "The request came in too slowly."),
    411: (("length_required",), "A body that does not say its length (chunks)."),
    413: (
        (BodyTooLarge.default_code,),
        "The body is larger than this endpoint accepts.",
    ),
    431: (("headers_too_large",), "The headers are too large."),
    429: (
        ("throttled", "too_many_connections"),
        "Too many requests, or connections; see Retry-After.",
    ),
    503: (
        (DatabaseBusy.default_code, DatabaseUnreachable.default_code),
        "The database does not answer in time. Send it again, with the same id.",
    ),
}
NUMBER: dict[str, Any] = {"type": "number"}
ALSO_READ: list[tuple[type, list[dict[str, Any]]]] = [
    (serializers.DecimalField, [NUMBER]),
    (serializers.IntegerField, [{"type": "string", "pattern": r"^\s*-?[0-9]+"}]),
    (serializers.CharField, [NUMBER]),
]
UNSAFE = {
    403: (
        ("permission_denied",),
        "A browser's request without X-CSRFToken, or a token used to issue another.",
    )
}
WITH_BODY = {
    415: (
        ("unsupported_media_type",),
        "A media type that this endpoint does not accept.",
    ),
}


class TruthfulSchema(AutoSchema):
    """Adds the refusals to what the framework finds out about answers."""

    def _get_response_bodies(self, direction: Any = "response") -> Any:
        bodies = super()._get_response_bodies(direction)
        for status, (codes, words) in self._refusals().items():
            bodies[str(status)] = _answer(_refusal(codes), words)
        wrong = {"anyOf": [_refusal(["parse_error", "bad_request"]), FIELDS]}
        bodies["400"] = _answer(wrong, "Bad input; nothing was done.")
        return bodies

    def _map_serializer_field(
        self, field: Any, direction: Any, bypass_extensions: bool = False
    ) -> Any:
        self._of_request = direction == "request"
        return super()._map_serializer_field(  # type: ignore[no-untyped-call]
            field, direction, bypass_extensions
        )

    def _insert_field_validators(self, field: Any, schema: Any) -> None:
        """What is read is more than what is answered: 5 for "5", and the like."""
        super()._insert_field_validators(field, schema)  # type: ignore[no-untyped-call]
        if self._of_request and not field.read_only:
            _widen(field, schema)

    def _get_parameters(self) -> Any:
        """A parameter without a value counts as none."""
        listed = super()._get_parameters()
        for one in listed:
            schema = one["schema"]
            if one["in"] == "query" and (
                schema.get("type") != "string" or {"format", "enum"} & set(schema)
            ):
                one["schema"] = {"anyOf": [schema, {"type": "string", "maxLength": 0}]}
        return listed

    def _refusals(self) -> dict[int, tuple[Iterable[str], str]]:
        found: dict[int, tuple[Iterable[str], str]] = dict(EVERY)
        if not self._is_keyed_by_address():
            if self.method not in {"GET", "HEAD"}:
                found |= UNSAFE
        else:
            del found[401]
        if not self._may_miss():
            del found[404]
        refused = getattr(self.view, ATTRIBUTE, {}).get(self.method, ())
        if self.method == "POST" and getattr(self.view, SIGNS_IN, False):
            found[429] = ((*EVERY[429][0], "too_many_tries"), EVERY[429][1])
        codes = {error.code for error in refused}
        self._facts = sorted({name for error in refused for name in error.facts})
        if self.method in {"POST", "PATCH", "PUT"}:
            found |= WITH_BODY
            found[503] = ((*EVERY[503][0], "server_busy"), EVERY[503][1])
            codes.add(AlreadyExists.code)
        if self.method not in {"GET", "HEAD"} and not self._is_keyed_by_address():
            codes.add(PortfolioFinished.code)
        if codes:
            found[409] = (
                sorted(codes),
                "The present state does not allow it; `code` says why.",
            )
        return found

    def _is_keyed_by_address(self) -> bool:
        """Whether the credentials are in the address; a wrong one is not found."""
        return not any(
            isinstance(one, SessionAuthentication)
            for one in self.view.get_authenticators()
        )

    def _may_miss(self) -> bool:
        return "{" in self.path or self._is_list_view()


def _widen(field: Any, schema: dict[str, Any]) -> None:
    """Add what the framework takes for such a field besides what it is described by."""
    if {"enum", "$ref", "anyOf"} & set(schema):
        return
    for kind, others in ALSO_READ:
        if isinstance(field, kind):
            allowed = dict(schema)
            schema.clear()
            schema["anyOf"] = [allowed, *others]
            return


def _refusal(codes: Iterable[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "code": {"type": "string", "enum": list(codes)},
            "detail": {"type": "string"},
        },
        "required": ["code", "detail"],
    }


def _answer(schema: dict[str, Any], words: str) -> dict[str, Any]:
    content = {"application/json": {"schema": schema}}
    return {"description": words, "content": content}
