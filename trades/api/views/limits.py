"""HTTP: the limits of a portfolio."""

from datetime import datetime

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from goals.api.authentication import signed_in
from goals.api.serializers.halts import HaltSerializer, ResumeSerializer
from goals.api.serializers.portfolios import PortfolioCreationSerializer
from goals.api.views.halts import HALT, RESUME, RESUME_FROM, HaltView, ResumeView
from goals.api.views.portfolios import OPEN_WITH_1000, PortfolioListView
from goals.models import Portfolio
from mastertrade.db.transactions import atomic
from mastertrade.values.validation import require_not_future
from mastertrade.web.api_fields import InstantField, StrictSerializer, read_body
from trades.api.serializers.limits import (
    LimitsSerializer,
    NowSerializer,
    PortfolioWithLimitsSerializer,
)
from trades.sizing_calls.limits import measure_limits


class _Question(StrictSerializer):
    as_of = InstantField(required=False)


class LimitsView(APIView):
    parameters = {"GET": ("as_of",)}

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "as_of",
                OpenApiTypes.DATETIME,
                description="As of this instant; default: now.",
            ),
        ],
        responses=LimitsSerializer,
    )
    def get(self, request: Request, portfolio_id: int) -> Response:
        """The limits in force, and how far the equity is above each floor.

        At a past time by the limits of then and by closed trades. Nothing is booked,
        decided or halted.
        """
        now = timezone.now()
        user = signed_in(request)
        get_object_or_404(
            Portfolio.objects.filter(user_id=user.username), pk=portfolio_id
        )
        asked = read_body(self, _Question, request.query_params.dict())
        as_of: datetime | None = asked.get("as_of")
        if as_of is not None:
            require_not_future("as_of", as_of, now)
        found = measure_limits(
            user=user, portfolio_id=portfolio_id, now=now, as_of=as_of
        )
        return Response(LimitsSerializer(found).data)


def with_limits(request: Request, answer: Response) -> Response:
    """The answer about a portfolio with its limits now.

    Inside the transaction that changed it: what could not be answered was not done.
    """
    limits = measure_limits(
        user=signed_in(request),
        portfolio_id=answer.data["portfolio_id"],
        now=timezone.now(),
    )
    answer.data = {**answer.data, "limits": NowSerializer(limits).data}
    return answer


class PortfolioListWithLimitsView(PortfolioListView):
    """The signed-in user's portfolios; `main` is made with the user."""

    @extend_schema(
        request=PortfolioCreationSerializer,
        responses={201: PortfolioWithLimitsSerializer},
        examples=[OPEN_WITH_1000],
    )
    @atomic
    def post(self, request: Request) -> Response:
        """Open a portfolio."""
        return with_limits(request, super().post(request))


class HaltWithLimitsView(HaltView):
    @extend_schema(
        request=HaltSerializer, responses=PortfolioWithLimitsSerializer, examples=[HALT]
    )
    @atomic
    def post(self, request: Request, portfolio_id: int) -> Response:
        """Stop entries until you resume trading; exits, stops and imports go on."""
        return with_limits(request, super().post(request, portfolio_id))


class ResumeWithLimitsView(ResumeView):
    @extend_schema(
        request=ResumeSerializer,
        responses=PortfolioWithLimitsSerializer,
        examples=[RESUME, RESUME_FROM],
    )
    @atomic
    def post(self, request: Request, portfolio_id: int) -> Response:
        """End every halt; the day's loss, profit, trades and losses count anew.

        After a halt at the hard floor, the floors are measured from the present equity
        on, or from a given `floor_reference`; after any other halt they stay.
        """
        return with_limits(request, super().post(request, portfolio_id))
