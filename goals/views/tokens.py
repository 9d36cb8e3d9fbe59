"""HTTP: tokens for bots and scripts. Stored hashed; shown once, when issued."""

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.contrib.auth import authenticate
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from knox.models import AuthToken
from rest_framework import generics, serializers, status
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated
from rest_framework.permissions import AllowAny, BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import (
    AnonRateThrottle,
    BaseThrottle,
    UserRateThrottle,
)
from rest_framework.views import APIView

from goals.models import User
from mastertrade.fields import StrictSerializer
from mastertrade.listing import ListView


class SignInThrottle(AnonRateThrottle):
    """Guessing passwords is slow from one address, signed in or not."""

    scope = "sign_in"

    def get_cache_key(self, request: Request, view: APIView) -> str | None:
        body: Any = request.data
        if not isinstance(body, Mapping) or "password" not in body:
            return None  # no sign-in
        who = self._who(request, body)
        digest = hashlib.sha256(who.encode("utf-8", "replace")).hexdigest()
        return self.cache_format % {"scope": self.scope, "ident": digest}

    def _who(self, request: Request, body: Mapping[str, Any]) -> str:
        """Whose attempts are counted together."""
        return f"address {self.get_ident(request)}"


class AccountThrottle(SignInThrottle):
    """Guessing one account's password is slow from however many addresses."""

    def _who(self, request: Request, body: Mapping[str, Any]) -> str:
        # As the serializer reads the name: blanks around it make no other account.
        return f"account {str(body.get('username')).strip()}"


class TokenSerializer(serializers.ModelSerializer[Any]):
    created_at = serializers.DateTimeField(source="created", read_only=True)
    expires_at = serializers.DateTimeField(
        source="expiry", read_only=True, allow_null=True
    )

    class Meta:
        model = AuthToken
        fields = ("token_key", "created_at", "expires_at")
        read_only_fields = fields


class IssuedTokenSerializer(TokenSerializer):
    """`token` is the secret; it cannot be read again."""

    token = serializers.CharField(read_only=True)

    class Meta:
        model = AuthToken
        fields = ("token", *TokenSerializer.Meta.fields)
        read_only_fields = fields


class TokenRequestSerializer(StrictSerializer):
    """Name and password, unless the request is signed in already."""

    username = serializers.CharField(max_length=150, required=False)
    password = serializers.CharField(
        max_length=4096, required=False, trim_whitespace=False
    )
    expires_in_days = serializers.IntegerField(
        min_value=1, max_value=3650, required=False, allow_null=True
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        for one, other in (("username", "password"), ("password", "username")):
            if one in attrs and other not in attrs:
                raise serializers.ValidationError({other: [f"Goes with {one}."]})
        return attrs


class TokenListView(ListView[Any]):
    """The signed-in user's tokens; their secrets are not kept."""

    body_limit = "anonymous"
    serializer_class = TokenSerializer
    filterset_fields = ()
    ordering_fields = ("created", "expiry")
    ordering = ("-created",)

    def get_queryset(self) -> QuerySet[Any]:
        tokens: QuerySet[Any] = AuthToken.objects.filter(user_id=self.request.user.pk)
        return tokens

    def get_permissions(self) -> list[BasePermission]:
        if self.request.method == "POST":
            return [AllowAny()]
        return [IsAuthenticated()]

    def get_throttles(self) -> list[BaseThrottle]:
        if self.request.method == "POST":
            return [
                UserRateThrottle(),
                AnonRateThrottle(),
                SignInThrottle(),
                AccountThrottle(),
            ]
        return super().get_throttles()

    def check_throttles(self, request: Request) -> None:
        """One after the other: who is refused by one is not looked at by the next.

        The last two read the body, so the first two must have counted the request.
        """
        for throttle in self.get_throttles():
            if not throttle.allow_request(request, self):
                self.throttled(request, throttle.wait() or 0)

    @extend_schema(
        request=TokenRequestSerializer,
        responses={201: IssuedTokenSerializer},
        examples=[
            OpenApiExample(
                "With name and password",
                value={"username": "ada", "password": "…", "expires_in_days": 90},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Issue a token: with name and password, or as who is signed in."""
        body = TokenRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        user = self._identify(request, body.validated_data)
        days = body.validated_data.get("expires_in_days")
        expiry = timedelta(days=days) if days else None
        row, secret = AuthToken.objects.create(user=user, expiry=expiry)
        answer = {"token": secret, **TokenSerializer(row).data}
        return Response(answer, status=status.HTTP_201_CREATED)

    def _identify(self, request: Request, body: dict[str, Any]) -> Any:
        if "username" not in body:
            if not isinstance(request.user, User):
                raise NotAuthenticated
            return request.user
        user = authenticate(
            request._request, username=body["username"], password=body["password"]
        )
        if user is None:
            raise AuthenticationFailed("Unknown name or wrong password.")
        return user


class TokenDetailView(generics.DestroyAPIView[Any]):
    """Revoke a token; it stops working at once."""

    serializer_class = TokenSerializer
    lookup_field = "token_key"

    def get_queryset(self) -> QuerySet[Any]:
        tokens: QuerySet[Any] = AuthToken.objects.filter(user_id=self.request.user.pk)
        return tokens
