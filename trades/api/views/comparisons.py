"""HTTP: what each policy makes of the same luck."""

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from goals.api.authentication import signed_in
from mastertrade.values.exceptions import TooManyJobs
from mastertrade.web.api_fields import read_body
from trades.api.serializers.comparisons import ComparisonRequestSerializer
from trades.api.serializers.jobs import JobSerializer
from trades.api.views.jobs import (
    BACKGROUND_ONLY,
    accepted,
    plain_arguments,
    refuse_unknown,
    require_background,
)
from trades.enums import JobKind
from trades.services.comparisons import world_of_own
from trades.services.jobs import create_job

MODEST = OpenApiExample(
    "A modest edge",
    value={"case": "modest-edge", "trades": 40, "goal_pct": "5", "stop_pct": "20"},
    request_only=True,
)


class ComparisonView(APIView):
    parameters = {"POST": ("background",)}
    refusals = {"POST": (TooManyJobs,)}

    @extend_schema(
        request=ComparisonRequestSerializer,
        parameters=[BACKGROUND_ONLY],
        responses={202: JobSerializer},
        examples=[MODEST],
    )
    def post(self, request: Request) -> Response:
        """Have every policy simulated, without and with the edge guard: 202 with a job.

        Its result has for each the probability of the goal and of the stop, the mean
        equity at the end, its 5 % quantile, and the probability of a deep drawdown, as
        ratios.
        """
        require_background(request)
        asked = read_body(self, ComparisonRequestSerializer)
        refuse_unknown(self)
        user, now = signed_in(request), timezone.now()
        if asked.get("case") is None:
            world_of_own(user, asked, now)  # too few trades are refused now
        job = create_job(
            user=user,
            kind=JobKind.COMPARISON,
            arguments=plain_arguments(asked),
            now=now,
        )
        return accepted(job)
