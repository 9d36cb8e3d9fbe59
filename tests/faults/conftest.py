"""Minutes of real processes and kills: only for who asks for them by their mark."""

import pytest


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    if "faults" in config.getoption("markexpr"):
        return
    asked_for = [item for item in items if not item.get_closest_marker("faults")]
    config.hook.pytest_deselected(items=[i for i in items if i not in asked_for])
    items[:] = asked_for
