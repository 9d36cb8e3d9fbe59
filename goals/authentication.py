"""Who a token belongs to."""

from copy import copy
from typing import Any

from django.http import QueryDict
from django.utils import timezone
from drf_spectacular.authentication import SessionScheme as SpectacularSessionScheme
from drf_spectacular.contrib.knox_auth_token import KnoxTokenScheme
from knox.auth import TokenAuthentication as KnoxTokenAuthentication
from rest_framework.authentication import (
    SessionAuthentication as PlainSessionAuthentication,
)
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated
from rest_framework.request import Request

from goals.models import User


def signed_in(request: Request) -> User:
    """Whose request it is; the permission classes let nobody else through."""
    user = request.user
    if not isinstance(user, User):
        raise NotAuthenticated
    return user


class TokenAuthentication(KnoxTokenAuthentication):  # type: ignore[misc]
    """Knox's tokens, read in one statement a request.

    Knox looks through all of a user's tokens at every request to delete expired ones;
    here only the token itself is judged. An expired one is refused and kept, so that
    its owner sees in the list why it stopped working.
    """

    def authenticate_credentials(self, token: bytes) -> tuple[Any, Any]:
        if not token.isalnum():
            raise AuthenticationFailed("Invalid token.")
        user, auth_token = super().authenticate_credentials(token)
        return user, auth_token

    def _cleanup_token(self, auth_token: Any) -> bool:
        expiry = auth_token.expiry
        return expiry is not None and expiry < timezone.now()


class SessionAuthentication(PlainSessionAuthentication):
    """A browser's session; the CSRF token is taken from the `X-CSRFToken` header.

    The framework would look for it in the body too, and so read and parse it before
    the request is counted.
    """

    def enforce_csrf(self, request: Any) -> None:
        without_body: Any = copy(getattr(request, "_request", request))
        without_body.POST = QueryDict()
        super().enforce_csrf(without_body)


class TokenScheme(KnoxTokenScheme):  # type: ignore[no-untyped-call]
    """How the API's description speaks of these tokens."""

    target_class = "goals.authentication.TokenAuthentication"
    name = "token"


class SessionScheme(SpectacularSessionScheme):  # type: ignore[no-untyped-call]
    """The same for a browser's session."""

    target_class = "goals.authentication.SessionAuthentication"
