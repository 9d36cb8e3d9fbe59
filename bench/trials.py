"""How many times what a benchmark simulates is drawn."""

SHARE = 30
short = False  # `python -m bench --short`


def trials(count: int) -> int:
    return count // SHARE if short else count
