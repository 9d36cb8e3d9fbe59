"""Answers about jobs of users."""

from typing import Any

from rest_framework import serializers

from mastertrade.db.model_fields import choices
from trades.enums import JobKind, JobState
from trades.models import UserJob

JOB_KINDS = choices(JobKind)
JOB_STATES = choices(JobState)


class JobListSerializer(serializers.ModelSerializer[UserJob]):
    """A job; `progress` in percent, `step` what is being done, `error` why it failed.

    `cancel_requested` of a running job: it stops as soon as it can, and nothing is
    done.
    """

    kind = serializers.ChoiceField(JOB_KINDS, read_only=True)
    state = serializers.ChoiceField(JOB_STATES, read_only=True)

    class Meta:
        model = UserJob
        fields: tuple[str, ...] = (
            "job_id",
            "kind",
            "state",
            "progress",
            "step",
            "error",
            "cancel_requested",
            "created_at",
            "started_at",
            "finished_at",
        )
        read_only_fields = fields


class JobSerializer(JobListSerializer):
    """The same with what was asked, and its result: kept for a week after its end."""

    arguments: Any = serializers.DictField(read_only=True)
    result: Any = serializers.DictField(read_only=True, allow_null=True)

    class Meta(JobListSerializer.Meta):
        fields = (*JobListSerializer.Meta.fields, "arguments", "result")
        read_only_fields = fields
