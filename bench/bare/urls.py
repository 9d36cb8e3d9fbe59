"""One address, spelt like the real one."""

import os
from pathlib import Path

from django.db import connection, transaction
from django.http import HttpRequest, JsonResponse
from django.urls import path

from bench.statements import Statement, load
from mastertrade.db.raw_sql import prepared_cursor
from mastertrade.web.health import healthz

STATEMENTS = load(Path(os.environ["BENCH_STATEMENTS"]))


def size(request: HttpRequest, goal_id: int) -> JsonResponse:
    """Run what the real view says for this goal; answer with the decision's key."""
    statements = STATEMENTS[str(goal_id)]
    answer = None
    for statement in statements:
        if not statement.in_transaction:
            answer = run(statement)
    with transaction.atomic():
        for statement in statements:
            if statement.in_transaction:
                answer = run(statement)
    return JsonResponse({"adjustment_id": answer})


def run(statement: Statement) -> object:
    prepared = statement.is_prepared
    with prepared_cursor() if prepared else connection.cursor() as cursor:
        cursor.execute(statement.sql, statement.parameters)
        rows = cursor.fetchall() if cursor.description else []
    return rows[0][0] if rows else None


urlpatterns = [
    path("api/goals/<int:goal_id>/sizing/", size),
    path("healthz", healthz),
]
