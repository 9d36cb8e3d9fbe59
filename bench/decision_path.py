"""How much code a short sizing call passes: functions, files, changes of file.

Counted by `sys.setprofile` from the call of the view's `post` to its return, for a
portfolio without trades, once caches are filled. Only this project's files count: what
a library calls counts as called by whoever called the library. A comprehension or a
lambda is part of the function it stands in. A call into another file and the return
from it are two changes of file.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any
from unittest.mock import patch

from django.test import Client

from bench.people import make_trader
from bench.rows import Row, Target
from bench.sizing import BODY
from goals.models import ApiToken
from trades.api.views.decisions import GoalSizingView

PROJECT = Path(__file__).parent.parent
APPS = tuple(
    f"{PROJECT / app}/" for app in ("goals", "mastertrade", "strategies", "trades")
)
WARM_UP = 2
# Half of what there was before inputs, decision and log were three steps.
MOST = {"functions": 64, "files": 19, "changes of file": 175}


class CallCounter:
    """For `sys.setprofile`: the functions called, and the changes of file."""

    def __init__(self) -> None:
        self.functions: set[tuple[str, str]] = set()
        self.changes = 0
        self._files: list[str] = []  # of the calls that have not returned

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        file, name = frame.f_code.co_filename, frame.f_code.co_qualname
        if event not in {"call", "return"} or not file.startswith(APPS):
            return
        if event == "return":
            self._files.pop()
        caller = self._files[-1] if self._files else file
        self.changes += caller != file
        if event == "call":
            self._files.append(file)
            self.functions.add((file, name.partition(".<locals>.<")[0]))

    @property
    def counts(self) -> dict[str, int]:
        files = {file for file, _ in self.functions}
        counted = (len(self.functions), len(files), self.changes)
        return dict(zip(MOST, counted, strict=True))


def measure() -> Iterator[Row]:
    for what, count in count_sizing_call().items():
        target = Target(MOST[what], at_least=False)
        yield Row(f"a sizing call: {what}", str(count), "", None, target, count)


def count_sizing_call() -> dict[str, int]:
    trader = make_trader("decision_path")
    _, token = ApiToken.objects.create(user=trader.user)
    client = Client(headers={"authorization": f"Token {token}"})
    path = f"/api/goals/{trader.goals[0].goal_id}/sizing/"

    def ask() -> None:
        answer = client.post(
            path, json.dumps(BODY), "application/json", SERVER_NAME="localhost"
        )
        if answer.status_code != 200:
            raise RuntimeError(f"the call was refused: {answer.content.decode()}")

    for _ in range(WARM_UP):
        ask()
    counter, post = CallCounter(), GoalSizingView.post

    def counted(*args: Any, **kwargs: Any) -> Any:
        sys.setprofile(counter)
        try:
            return post(*args, **kwargs)
        finally:
            sys.setprofile(None)

    with patch.object(GoalSizingView, "post", counted):
        ask()
    return counter.counts
