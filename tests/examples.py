"""How many examples the properties that book trades are judged by."""

import os

from hypothesis import settings


def examples(count: int) -> settings:
    """`count`; in CI, which takes the same ones each time, a third."""
    return settings(max_examples=count // 3 if os.environ.get("CI") else count)
