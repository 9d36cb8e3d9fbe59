"""Who a token or a password belongs to."""

import threading
from copy import copy
from datetime import datetime, timedelta
from hmac import compare_digest
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.db.models import Q
from django.http import HttpRequest, QueryDict
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables
from drf_spectacular.authentication import SessionScheme as SpectacularSessionScheme
from drf_spectacular.contrib.knox_auth_token import KnoxTokenScheme
from knox.auth import TokenAuthentication as KnoxTokenAuthentication
from knox.crypto import hash_token
from knox.settings import CONSTANTS
from rest_framework.authentication import (
    SessionAuthentication as PlainSessionAuthentication,
)
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated, Throttled
from rest_framework.request import Request

from goals.api.throttling import count_failure
from goals.models import ApiToken, User
from goals.services.sign_ins import (
    Refused,
    find_refusal,
    forgive,
    is_known,
    normalized_name,
    take_try,
)
from mastertrade.db.raw_sql import columns_of, load_with
from mastertrade.web.addresses import normalized_address

# SQL, because every request asks it and Django composes a query longer than this runs.
TOKENS = f"""
SELECT {columns_of(ApiToken, "t")}, {columns_of(User, "u")}
FROM api_tokens t JOIN users u ON u.id = t.user_id WHERE t.token_key = %s
"""
USE_IS_WRITTEN_EVERY = timedelta(minutes=1)
BUSY_SECONDS = 2


def signed_in(request: Request) -> User:
    """Whose request it is; the permission classes let nobody else through."""
    user = request.user
    if not isinstance(user, User):
        raise NotAuthenticated
    return user


class TokenAuthentication(KnoxTokenAuthentication):  # type: ignore[misc]
    """Knox's tokens, read in one prepared statement a request.

    Knox looks through all of a user's tokens at every request to delete expired ones;
    here only the token itself is judged. An expired one is refused and kept, so that
    its owner sees in the list why it stopped working.
    """

    def authenticate(self, request: Any) -> Any:
        try:
            return super().authenticate(request)
        except AuthenticationFailed:
            count_failure(request)
            raise

    def authenticate_credentials(self, token: bytes) -> tuple[Any, Any]:
        if not token.isalnum():
            raise AuthenticationFailed("Invalid token.")
        given, now = token.decode(), timezone.now()
        digest = hash_token(given)
        key = given[: CONSTANTS.TOKEN_KEY_LENGTH]
        for known in load_with(ApiToken, "user", TOKENS, [key]):
            expired = known.expiry is not None and known.expiry < now
            if not expired and compare_digest(digest, known.digest):
                user, auth_token = self.validate_user(known)
                self._write_use(auth_token, now)
                return user, auth_token
        raise AuthenticationFailed("Invalid token.")

    def _write_use(self, auth_token: ApiToken, now: datetime) -> None:
        latest = now - USE_IS_WRITTEN_EVERY
        if auth_token.last_used_at is None or auth_token.last_used_at < latest:
            old = Q(last_used_at=None) | Q(last_used_at__lt=latest)
            same = ApiToken.objects.filter(old, pk=auth_token.pk)
            same.update(last_used_at=now)


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

    target_class = "goals.api.authentication.TokenAuthentication"
    name = "token"


class SessionScheme(SpectacularSessionScheme):  # type: ignore[no-untyped-call]
    """The same for a browser's session."""

    target_class = "goals.api.authentication.SessionAuthentication"


class TooManyTries(Throttled):
    """429 with `Retry-After`: of the name, of the address, or of both."""

    default_detail = (
        "Too many wrong passwords. Existing sessions and tokens keep working."
    )
    default_code = "too_many_tries"
    title = "Too many wrong passwords"

    def __init__(self, wait_seconds: int) -> None:
        super().__init__(wait=wait_seconds)
        self.wait_seconds = wait_seconds


class TooManySignIns(TooManyTries):
    """With right passwords."""

    default_detail = (
        "Too many sign-ins. Existing sessions and tokens keep working: use one of them."
    )
    title = "Too many sign-ins"


class TooManyVisits(TooManyTries):
    """At a page that a link alone opens, or that has one sent."""

    default_detail = "Too many requests of this kind."
    title = "Too many requests"


class TooManySigningIn(TooManyTries):
    """Nobody's fault: the places to check a password are all taken."""

    default_detail = "Too many people are signing in at the moment."
    title = "Too many sign-ins at once"


def too_many(refused: Refused) -> TooManyTries:
    refusal = TooManySignIns if refused.were_right else TooManyTries
    return refusal(refused.wait_seconds)


class Looking:
    """The passwords that a process looks at in this moment, one of an address.

    Each takes half a second of work, on purpose: the other threads go on with other
    requests, and nobody who signs in again and again takes all places. One more place
    is for addresses that signed in as that name lately.
    """

    def __init__(self, places: int) -> None:
        self.places = places
        self._addresses: set[str] = set()
        self._lock = threading.Lock()

    def enter(self, address: str, *, known: bool = False) -> bool:
        """Whether there is a place; no waiting, for that would hold a thread."""
        with self._lock:
            places = self.places + known
            if address in self._addresses or len(self._addresses) >= places:
                return False
            self._addresses.add(address)
            return True

    def leave(self, address: str) -> None:
        with self._lock:
            self._addresses.remove(address)


LOOKING = Looking(2)


class CountingBackend(ModelBackend):
    """Names and passwords, with a limit to how many wrong ones are looked at.

    Pages, the admin and the API all come here. Raises `TooManyTries`.
    """

    @sensitive_variables("password")
    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> Any:
        if request is None or username is None or password is None:
            return super().authenticate(request, username, password, **kwargs)
        address = normalized_address(request.META.get("REMOTE_ADDR", ""))
        now = timezone.now()
        # First, so that nobody who is refused anyway takes a place meanwhile.
        known = is_known(normalized_name(username), address, now)
        refused = find_refusal(name=username, address=address, known=known, now=now)
        if refused is not None:
            raise too_many(refused)
        if not LOOKING.enter(address, known=known):
            raise TooManySigningIn(BUSY_SECONDS)
        try:
            this = take_try(name=username, address=address, now=now)
            if isinstance(this, Refused):
                raise too_many(this)
            user = super().authenticate(request, username, password, **kwargs)
        finally:
            LOOKING.leave(address)
        if isinstance(user, User):
            forgive(this, user, now)
        return user
