"""HTTP: replays, and deleting what they made."""

from typing import Any

from django.db.models import QuerySet
from django.http import QueryDict
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import generics, status
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from goals.api.authentication import signed_in
from goals.api.serializers.portfolios import (
    PortfolioSerializer,
    PortfolioSettingsSerializer,
)
from goals.api.views.portfolios import FIRM, TIGHTER_LIMITS, PortfolioDetailView
from mastertrade.db.transactions import atomic, snapshot
from mastertrade.values.exceptions import PortfolioIsLive, TooManyJobs
from mastertrade.web.api_fields import read_body
from mastertrade.web.api_lists import ListView
from mastertrade.web.json_parser import ExactJSONParser
from trades.api.filters import ReplayFilter
from trades.api.serializers.jobs import JobSerializer
from trades.api.serializers.limits import PortfolioWithLimitsSerializer
from trades.api.serializers.replays import (
    ReplayListSerializer,
    ReplayRequestSerializer,
    ReplaySerializer,
    ReplayUploadSerializer,
)
from trades.api.views.jobs import (
    BACKGROUND_ONLY,
    accepted,
    ask_replay,
    require_background,
)
from trades.api.views.limits import with_limits
from trades.models import ReplayRun
from trades.services.deleting import delete_replay, delete_simulation

MONTHLY = OpenApiExample(
    "5 % a month",
    value={
        "prices": "AAPL",
        "goal_type": "monthly_return",
        "target_value": "5",
        "policy": "ladder",
    },
    request_only=True,
    media_type="application/json",
)


def _mine(request: Request) -> QuerySet[ReplayRun]:
    mine = ReplayRun.objects.filter(user_id=request.user.get_username())
    return mine.select_related("policy_portfolio")


class ReplayListView(ListView[ReplayRun]):
    """The signed-in user's finished replays, newest first, without their reports."""

    body_limit = "upload"
    parameters = {"POST": ("background",)}
    refusals = {"POST": (TooManyJobs,)}
    parser_classes = (ExactJSONParser, MultiPartParser)
    serializer_class: Any = ReplayListSerializer
    filterset_class = ReplayFilter
    ordering_fields = ("run_id", "created_at", "symbol")
    ordering = ("-run_id",)

    def get_queryset(self) -> QuerySet[ReplayRun]:
        return _mine(self.request).defer("report")

    @extend_schema(
        request={
            "application/json": ReplayRequestSerializer,
            "multipart/form-data": ReplayUploadSerializer,
        },
        parameters=[BACKGROUND_ONLY],
        responses={202: JobSerializer},
        examples=[MONTHLY],
    )
    def post(self, request: Request) -> Response:
        """Have recorded prices replayed, by name or from a file: 202 with the job.

        Its result names the replay; the same question about the same prices gives the
        one that there is.
        """
        require_background(request)
        is_upload = isinstance(request.data, QueryDict)
        kind = ReplayUploadSerializer if is_upload else ReplayRequestSerializer
        asked = read_body(self, kind)
        job = ask_replay(signed_in(request), asked, timezone.now())
        return accepted(job)


class ReplayDetailView(generics.RetrieveAPIView[ReplayRun]):
    """A finished replay with its report."""

    serializer_class = ReplaySerializer
    lookup_field = "run_id"
    lookup_url_kwarg = "replay_id"

    def get_queryset(self) -> QuerySet[ReplayRun]:
        return _mine(self.request)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, replay_id: int) -> Response:
        """Delete the replay with its portfolios, goals, decisions, trades and page."""
        delete_replay(user=signed_in(request), run_id=replay_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class PortfolioWithDeletionView(PortfolioDetailView):
    """A portfolio, its figures and limits; one that a replay made can be deleted."""

    serializer_class = PortfolioWithLimitsSerializer
    refusals = {**PortfolioDetailView.refusals, "DELETE": (PortfolioIsLive,)}

    @snapshot
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """A portfolio, the figures that follow from its ledger, and its limits now."""
        shown = PortfolioSerializer(self.get_object()).data
        return with_limits(request, Response(shown))

    @extend_schema(
        request=PortfolioSettingsSerializer,
        responses=PortfolioWithLimitsSerializer,
        examples=[TIGHTER_LIMITS, FIRM],
    )
    @atomic
    def patch(self, request: Request, portfolio_id: int) -> Response:
        """Change settings; what figures rest on only until first use."""
        return with_limits(request, super().patch(request, portfolio_id))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, portfolio_id: int) -> Response:
        """Delete a simulation or a demo, with the other portfolio of its replay.

        A live portfolio cannot be deleted: 409 `portfolio_is_live`.
        """
        delete_simulation(user=signed_in(request), portfolio_id=portfolio_id)
        return Response(status=status.HTTP_204_NO_CONTENT)
