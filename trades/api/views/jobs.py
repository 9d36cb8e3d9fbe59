"""HTTP: jobs of users, and the answer of a call that makes one."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from goals.api.authentication import signed_in
from goals.models import User
from mastertrade.values.exceptions import InvalidInput, JobHasEnded
from mastertrade.values.jsonable import to_plain
from mastertrade.web.api_fields import NoFieldsSerializer, read_body
from mastertrade.web.api_lists import ListView
from trades.api.filters import JobFilter
from trades.api.serializers.jobs import JobListSerializer, JobSerializer
from trades.enums import JobKind
from trades.models import UserJob
from trades.services.jobs import cancel_job, create_job

BACKGROUND = OpenApiParameter(
    "background",
    bool,
    description="Answer 202 at once with a job, whose address is in `Location`.",
)

BACKGROUND_ONLY = OpenApiParameter(
    "background",
    bool,
    description="1, as if it were not given: no request waits for this.",
)
YES = {"1": True, "true": True, "0": False, "false": False, "": False}


def read_flag(request: Request, name: str, *, default: bool = False) -> bool:
    """A parameter of the query that is 1 or 0."""
    asked = request.query_params.get(name, "").lower()
    if asked not in YES:
        raise InvalidInput(name, "must be 1 or 0.")
    return YES[asked] if asked else default


def require_background(request: Request) -> None:
    if not read_flag(request, "background", default=True):
        raise InvalidInput("background", "must be 1: this takes a while.")


def refuse_unknown(view: Any) -> None:
    """Refuse at once what the body names and its user does not have.

    A call that is answered itself finds that out in its service.
    """
    wrong = list(view.body.more_errors())
    if wrong:
        raise InvalidInput(wrong[0].field, wrong[0].detail, also=wrong[1:])


def plain_arguments(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What is given, as JSON; decimals are texts."""
    return {name: to_plain(one) for name, one in asked.items() if one is not None}


def ask_replay(user: User, asked: dict[str, Any], now: datetime) -> UserJob:
    """The job of a replay, with the file of its prices where it has one."""
    file = asked.pop("file", None)
    named = {} if file is None else {"file_name": file.name}
    return create_job(
        user=user,
        kind=JobKind.REPLAY,
        arguments={**plain_arguments(asked), **named},
        files={} if file is None else {"file": file},
        now=now,
    )


def accepted(job: UserJob) -> Response:
    """202 with a new job, and where to ask for it."""
    return Response(
        JobSerializer(job).data,
        status.HTTP_202_ACCEPTED,
        headers={"Location": reverse("job", args=[job.job_id])},
    )


def _mine(request: Request) -> QuerySet[UserJob]:
    return UserJob.objects.filter(user_id=request.user.get_username())


class JobListView(ListView[UserJob]):
    """The signed-in user's jobs, newest first, without their arguments and results."""

    serializer_class: Any = JobListSerializer
    filterset_class = JobFilter
    ordering_fields = ("job_id", "created_at", "finished_at")
    ordering = ("-job_id",)

    def get_queryset(self) -> QuerySet[UserJob]:
        return _mine(self.request).defer("arguments", "result")


class JobDetailView(generics.RetrieveAPIView[UserJob]):
    """A job, how far it is, and its result."""

    serializer_class = JobSerializer
    lookup_field = "job_id"

    def get_queryset(self) -> QuerySet[UserJob]:
        return _mine(self.request)


class CancelJobView(APIView):
    subject = (UserJob, "user_id")
    refusals = {"POST": (JobHasEnded,)}

    @extend_schema(request=None, responses=JobSerializer)
    def post(self, request: Request, job_id: int) -> Response:
        """Cancel a job: a waiting one at once, a running one at its next step.

        Nothing of a cancelled job is done. `cancel_requested` says that a running one
        will stop; one that was done or failed before is 409 `job_has_ended`.
        """
        read_body(self, NoFieldsSerializer)
        job = cancel_job(user=signed_in(request), job_id=job_id, now=timezone.now())
        return Response(JobSerializer(job).data)
