"""HTTP: where a user's alerts go."""

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from goals.api.authentication import signed_in
from goals.api.serializers.channels import (
    ChannelChangeSerializer,
    ChannelCreationSerializer,
    ChannelSerializer,
    ChannelTestSerializer,
    CreatedChannelSerializer,
    DeliverySerializer,
    RetriedSerializer,
)
from goals.api.throttling import (
    AnonymousThrottle,
    ChannelTestThrottle,
    UserThrottle,
)
from goals.models import AlertChannel, AlertDelivery
from goals.services.channels import (
    create_channel,
    delete_channel,
    retry_channel,
    send_test,
    update_channel,
    with_counts,
)
from mastertrade.values.exceptions import ChannelNotActive, TooManyChannels
from mastertrade.web.api_fields import NoFieldsSerializer, read_body
from mastertrade.web.api_lists import ListView

WEBHOOK = OpenApiExample(
    "A webhook",
    value={
        "kind": "webhook",
        "address": "https://example.com/hooks/mastertrade",
        "quiet_hours": "22:00-07:00",
        "time_zone": "Europe/Vienna",
    },
    request_only=True,
)
HALTS_BY_MAIL = OpenApiExample(
    "Halts by e-mail",
    value={"kind": "email", "address": "ada@example.com", "kinds": ["halted"]},
    request_only=True,
)
OFF = OpenApiExample("Switch off", value={"is_active": False}, request_only=True)


class MyChannels(generics.GenericAPIView[AlertChannel]):
    """The signed-in user's channels; anybody else's do not exist."""

    def get_queryset(self) -> QuerySet[AlertChannel]:
        mine = AlertChannel.objects.filter(user_id=self.request.user.get_username())
        return with_counts(mine)


class ChannelListView(MyChannels, ListView[AlertChannel]):
    """Where the signed-in user's alerts go."""

    refusals = {"POST": (TooManyChannels,)}
    serializer_class = ChannelSerializer
    filterset_fields = ("kind", "digest")
    ordering_fields = ("channel_id", "name", "created_at")
    ordering = ("channel_id",)

    @extend_schema(
        request=ChannelCreationSerializer,
        responses={201: CreatedChannelSerializer},
        examples=[WEBHOOK, HALTS_BY_MAIL],
    )
    def post(self, request: Request) -> Response:
        """Have alerts sent to an address; test it with `POST …/test/`.

        Addresses are stored encrypted and never given back.
        """
        body = read_body(self, ChannelCreationSerializer)
        now = timezone.now()
        channel, secret = create_channel(user=signed_in(request), now=now, **body)
        answer = {**ChannelSerializer(channel).data, "signing_secret": secret}
        return Response(answer, status=status.HTTP_201_CREATED)


class ChannelDetailView(MyChannels, generics.RetrieveAPIView[AlertChannel]):
    """One of the user's channels."""

    serializer_class = ChannelSerializer
    lookup_field = "channel_id"

    @extend_schema(
        request=ChannelChangeSerializer, responses=ChannelSerializer, examples=[OFF]
    )
    def patch(self, request: Request, channel_id: int) -> Response:
        """Change settings. One that is switched off skips what waits."""
        self.get_object()
        body = read_body(self, ChannelChangeSerializer)
        update_channel(
            user=signed_in(request), channel_id=channel_id, now=timezone.now(), **body
        )
        return Response(ChannelSerializer(self.get_object()).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, channel_id: int) -> Response:
        """Delete the channel and its deliveries; the alerts stay."""
        delete_channel(user=signed_in(request), channel_id=channel_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class ChannelTestView(APIView):
    subject = (AlertChannel, "user_id")
    throttle_classes = (UserThrottle, AnonymousThrottle, ChannelTestThrottle)

    @extend_schema(request=None, responses=ChannelTestSerializer)
    def post(self, request: Request, channel_id: int) -> Response:
        """Send a test message now, and answer what the receiver answered."""
        read_body(self, NoFieldsSerializer)
        mine = AlertChannel.objects.filter(user=signed_in(request))
        channel = get_object_or_404(mine, pk=channel_id)
        sent, answer = send_test(channel, clock=timezone.now)
        return Response({"sent": sent, "answer": answer})


class ChannelRetryView(APIView):
    subject = (AlertChannel, "user_id")
    refusals = {"POST": (ChannelNotActive,)}

    @extend_schema(request=None, responses=RetriedSerializer)
    def post(self, request: Request, channel_id: int) -> Response:
        """Try the channel's dead deliveries again."""
        read_body(self, NoFieldsSerializer)
        count = retry_channel(
            user=signed_in(request), channel_id=channel_id, now=timezone.now()
        )
        return Response({"retried": count})


class ChannelDeliveryListView(ListView[AlertDelivery]):
    """What went, and is to go, to one of the user's channels; newest first."""

    serializer_class = DeliverySerializer
    filterset_fields = ("state",)
    ordering_fields = ("delivery_id", "tried_at", "next_try_at")
    ordering = ("-delivery_id",)

    def get_queryset(self) -> QuerySet[AlertDelivery]:
        if getattr(self, "swagger_fake_view", False):
            return AlertDelivery.objects.none()
        mine = AlertChannel.objects.filter(user_id=self.request.user.get_username())
        channel = get_object_or_404(mine, pk=self.kwargs["channel_id"])
        return AlertDelivery.objects.filter(channel=channel).select_related("alert")
