"""HTTP: tokens for bots and scripts. Stored hashed; shown once, when issued."""

from typing import Any

from django.contrib.auth import authenticate
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import generics, serializers, status
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import AllowAny, BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from goals.api.authentication import signed_in
from goals.models import ApiToken
from goals.services.sign_ins import issue_token
from mastertrade.values.exceptions import TooManyTokens
from mastertrade.web.api_fields import StrictSerializer, WholeNumberField, read_body
from mastertrade.web.api_lists import ListView
from mastertrade.web.permissions import KnowsParameters


class TokenSerializer(serializers.ModelSerializer[Any]):
    created_at = serializers.DateTimeField(source="created", read_only=True)
    expires_at = serializers.DateTimeField(
        source="expiry", read_only=True, allow_null=True
    )

    class Meta:
        model = ApiToken
        fields = ("token_key", "name", "created_at", "expires_at", "last_used_at")
        read_only_fields = fields


class IssuedTokenSerializer(TokenSerializer):
    """`token` is the secret; it cannot be read again."""

    token = serializers.CharField(read_only=True)

    class Meta:
        model = ApiToken
        fields = ("token", *TokenSerializer.Meta.fields)
        read_only_fields = fields


class TokenRequestSerializer(StrictSerializer):
    """Name and password, unless a browser is signed in."""

    username = serializers.CharField(max_length=150, required=False)
    password = serializers.CharField(
        max_length=4096, required=False, trim_whitespace=False
    )
    name = serializers.CharField(
        max_length=100, required=False, help_text="What it is for, as shown in lists."
    )
    expires_in_days = WholeNumberField(
        min_value=1, max_value=3650, required=False, allow_null=True
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        for one, other in (("username", "password"), ("password", "username")):
            if one in attrs and other not in attrs:
                raise serializers.ValidationError({other: [f"Goes with {one}."]})
        return attrs


class TokenListView(ListView[Any]):
    """The signed-in user's tokens; their secrets are not stored."""

    body_limit = "anonymous"
    signs_in = True
    refusals = {"POST": (TooManyTokens,)}
    serializer_class = TokenSerializer
    filterset_fields = ()
    ordering_fields = ("created", "expiry", "name", "last_used_at")
    ordering = ("-created",)

    def get_queryset(self) -> QuerySet[Any]:
        tokens: QuerySet[Any] = ApiToken.objects.filter(user_id=self.request.user.pk)
        return tokens

    def get_permissions(self) -> list[BasePermission]:
        if self.request.method == "POST":
            return [AllowAny(), KnowsParameters()]
        return [IsAuthenticated(), KnowsParameters()]

    @extend_schema(
        request=TokenRequestSerializer,
        responses={201: IssuedTokenSerializer},
        examples=[
            OpenApiExample(
                "With name and password",
                value={
                    "username": "ada",
                    "password": "…",
                    "name": "laptop",
                    "expires_in_days": 90,
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Issue a token: with name and password, or signed in with a browser.

        A token cannot issue others: they would keep working after it is revoked.
        """
        body = read_body(self, TokenRequestSerializer)
        row, secret = issue_token(
            user=self._identify(request, body),
            name=body.get("name", ""),
            days=body.get("expires_in_days"),
        )
        answer = {"token": secret, **TokenSerializer(row).data}
        return Response(answer, status=status.HTTP_201_CREATED)

    def _identify(self, request: Request, body: dict[str, Any]) -> Any:
        if "username" not in body:
            if isinstance(request.auth, ApiToken):
                raise PermissionDenied(
                    "A token cannot issue other tokens. Send username and password, or "
                    "sign in with a browser."
                )
            return signed_in(request)
        user = authenticate(
            request._request, username=body["username"], password=body["password"]
        )
        if user is None:
            raise AuthenticationFailed("Unknown name or wrong password.")
        return user


class TokenDetailView(generics.DestroyAPIView[Any]):
    """Revoke a token; it, and webhooks issued with it, stop working at once."""

    serializer_class = TokenSerializer
    lookup_field = "token_key"

    def get_queryset(self) -> QuerySet[Any]:
        tokens: QuerySet[Any] = ApiToken.objects.filter(user_id=self.request.user.pk)
        return tokens
