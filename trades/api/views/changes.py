"""HTTP: what was changed about trades and cash flows, when and by whom."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from goals.models import LedgerChange
from mastertrade.web.api_lists import ListView
from trades.api.filters import ChangeFilter


class ChangeSerializer(serializers.ModelSerializer[LedgerChange]):
    """`before` and `after` hold the columns that changed."""

    cash_flow_id = serializers.IntegerField(read_only=True, allow_null=True)
    before = serializers.DictField(read_only=True)
    after = serializers.DictField(read_only=True)

    class Meta:
        model = LedgerChange
        fields = (
            "change_id",
            "trade_id",
            "cash_flow_id",
            "action",
            "changed_at",
            "changed_by",
            "before",
            "after",
        )
        read_only_fields = fields


class ChangeListView(ListView[LedgerChange]):
    """Changes to the user's trades and cash flows after they were recorded."""

    serializer_class: Any = ChangeSerializer
    filterset_class = ChangeFilter
    ordering_fields = ("change_id", "changed_at")
    ordering = ("-change_id",)

    def get_queryset(self) -> QuerySet[LedgerChange]:
        name = self.request.user.get_username()
        return LedgerChange.objects.filter(portfolio__user_id=name)
