"""HTTP: alerts, and what became of sending them."""

from typing import Any

from django.db.models import Prefetch, QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from goals.api.authentication import signed_in
from goals.api.filters import PortfolioFilter, WholeNumberFilter
from goals.enums import AlertKind, ChannelKind, DeliveryState, Severity
from goals.models import AlertDelivery, GoalAlert
from goals.services.alert_texts import what_now
from goals.services.alerts import AlertState, acknowledge, mark_read, of_states
from mastertrade.db.model_fields import choices
from mastertrade.web.api_fields import NoFieldsSerializer, read_body
from mastertrade.web.api_lists import ListView
from mastertrade.web.filters import FilterSet, WordsFilter

# Of each alert, the newest: one that repeats is sent again every day.
MOST_DELIVERIES = 50


class AlertDeliverySerializer(serializers.ModelSerializer[AlertDelivery]):
    """One alert on its way to one channel; `error` of the last attempt that failed."""

    channel = serializers.IntegerField(source="channel_id", read_only=True)
    channel_kind = serializers.ChoiceField(
        choices(ChannelKind), source="channel.kind", read_only=True
    )
    state = serializers.ChoiceField(choices(DeliveryState), read_only=True)
    error = serializers.CharField(source="last_error", read_only=True)

    class Meta:
        model = AlertDelivery
        fields = (
            "channel",
            "channel_kind",
            "state",
            "attempts",
            "next_try_at",
            "sent_at",
            "repeated_on",
            "error",
        )
        read_only_fields = fields


class AlertSerializer(serializers.ModelSerializer[GoalAlert]):
    """What happened, once for each `cause`, and what the system does `now`.

    Decimals in `figures` are strings. `deliveries`: the 50 newest.
    """

    user_id = serializers.CharField(read_only=True)
    portfolio_id = serializers.IntegerField(read_only=True, allow_null=True)
    goal_id = serializers.IntegerField(read_only=True, allow_null=True)
    kind = serializers.ChoiceField(choices(AlertKind), read_only=True)
    severity = serializers.ChoiceField(choices(Severity), read_only=True)
    state = serializers.SerializerMethodField()
    now = serializers.SerializerMethodField()
    deliveries = AlertDeliverySerializer(source="newest", many=True, read_only=True)

    class Meta:
        model = GoalAlert
        fields = (
            "alert_id",
            "user_id",
            "portfolio_id",
            "goal_id",
            "kind",
            "cause",
            "severity",
            "state",
            "title",
            "text",
            "now",
            "figures",
            "occurred_at",
            "created_at",
            "read_at",
            "acknowledged_at",
            "repeats_on",
            "deliveries",
        )
        read_only_fields = fields

    def get_state(self, alert: GoalAlert) -> AlertState:
        return AlertState.of(alert)

    def get_now(self, alert: GoalAlert) -> str:
        return what_now(alert)


class AlertFilter(FilterSet):
    """`state`: `unread`, `read` (and not acknowledged) or `acknowledged`."""

    kind = WordsFilter(choices=choices(AlertKind))
    severity = WordsFilter(choices=choices(Severity))
    state = WordsFilter(choices=choices(AlertState), method="filter_state")
    portfolio = PortfolioFilter()
    goal = WholeNumberFilter()

    class Meta:
        model = GoalAlert
        fields = ()

    def filter_state(
        self, alerts: QuerySet[GoalAlert], name: str, value: list[str]
    ) -> QuerySet[GoalAlert]:
        return of_states(alerts, [AlertState(one) for one in value])


def _mine(request: Request) -> QuerySet[GoalAlert]:
    newest = AlertDelivery.objects.select_related("channel").order_by("-delivery_id")
    mine = GoalAlert.objects.filter(user_id=request.user.get_username())
    newest = newest[:MOST_DELIVERIES]
    return mine.prefetch_related(Prefetch("deliveries", newest, to_attr="newest"))


class AlertListView(ListView[GoalAlert]):
    """Your alerts, newest first."""

    serializer_class = AlertSerializer
    filterset_class = AlertFilter
    ordering_fields = ("alert_id", "occurred_at", "created_at")
    ordering = ("-alert_id",)

    def get_queryset(self) -> QuerySet[GoalAlert]:
        return _mine(self.request)


class AlertDetailView(generics.RetrieveAPIView[GoalAlert]):
    """One alert; reading it here does not mark it as read."""

    serializer_class = AlertSerializer
    lookup_field = "alert_id"

    def get_queryset(self) -> QuerySet[GoalAlert]:
        return _mine(self.request)


class _MarkingView(APIView):
    subject = (GoalAlert, "user_id")
    mark: Any

    def post(self, request: Request, alert_id: int) -> Response:
        read_body(self, NoFieldsSerializer)
        type(self).mark(user=signed_in(request), alert_id=alert_id, now=timezone.now())
        return Response(AlertSerializer(_mine(request).get(pk=alert_id)).data)


class ReadAlertView(_MarkingView):
    mark = staticmethod(mark_read)

    @extend_schema(request=None, responses=AlertSerializer)
    def post(self, request: Request, alert_id: int) -> Response:
        """Mark it as read; again, nothing changes."""
        return super().post(request, alert_id)


class AcknowledgeAlertView(_MarkingView):
    mark = staticmethod(acknowledge)

    @extend_schema(request=None, responses=AlertSerializer)
    def post(self, request: Request, alert_id: int) -> Response:
        """Mark it as read and known: a halt is not sent again. Twice is once."""
        return super().post(request, alert_id)
