"""The cache of solved policy tables."""

from collections.abc import Callable
from datetime import datetime

from goals.models import PolicyTable
from goals.projection.policy_tables import DeadlineInputs, DeadlineTable, solve, unpack
from mastertrade.values.jsonable import from_plain, to_plain


def find_table(
    question: str,
    make: Callable[[], DeadlineInputs],
    now: datetime,
    may_solve: Callable[[], bool],
) -> DeadlineTable | None:
    """The table a question was answered by before, or a new one, which is kept.

    None where there is none yet and none may be solved.
    """
    kept = PolicyTable.objects.filter(question=question).first()
    if kept is not None:
        return unpack(from_plain(DeadlineInputs, kept.inputs), bytes(kept.factors))
    return find_solved(make(), now, question) if may_solve() else None


def find_solved(
    inputs: DeadlineInputs, now: datetime, question: str | None = None
) -> DeadlineTable:
    """The table of these inputs: the kept one, or solved and kept.

    With a question it is found by that from now on.
    """
    kept = PolicyTable.objects.filter(pk=inputs.digest)
    packed = kept.values_list("factors", flat=True).first()
    if packed is None:
        table = solve(inputs)
        keep_table(table, question or inputs.digest, now)
        return table
    if question is not None:
        kept.update(question=question)
    return unpack(inputs, bytes(packed))


def keep_table(table: DeadlineTable, question: str, now: datetime) -> None:
    """Keep a solved table, unless there is one of its name or question."""
    row = PolicyTable(
        table_hash=table.inputs.digest,
        question=question,
        version=table.inputs.version,
        inputs=to_plain(table.inputs),
        factors=table.pack(),
        created_at=now,
    )
    PolicyTable.objects.bulk_create([row], ignore_conflicts=True)


def forget_tables(before: datetime) -> int:
    """Delete the tables kept before that; how many.

    Nothing is lost: a logged decision has the inputs, and they give the same table.
    """
    deleted, _ = PolicyTable.objects.filter(created_at__lt=before).delete()
    return deleted


def load_table(digest: str, logged: DeadlineInputs) -> DeadlineTable:
    """The table of a logged decision: the kept one, or solved again from its inputs."""
    kept = PolicyTable.objects.filter(pk=digest).values_list("factors", flat=True)
    packed = kept.first()
    return solve(logged) if packed is None else unpack(logged, bytes(packed))
