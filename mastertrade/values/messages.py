"""The sentences of refusals: what is wrong, what is allowed, what comes nearest."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches

# A name longer than this is no typing error, and comparing it would cost.
LONGEST_COMPARED = 100
# Names that a message lists, and that a nearest one is looked for among.
MOST_LISTED = 60


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, whatever its capitals; None: none is."""
    if len(name) > LONGEST_COMPARED:
        return None
    by_lower_case = {one.lower(): one for one in known}
    found = get_close_matches(name.lower(), by_lower_case, n=1)
    return by_lower_case[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A sentence with a space before it, or nothing."""
    near = nearest(name, known)
    return "" if near is None else f" Did you mean {near}?"


def unknown_field(name: str, known: Collection[str], kind: str = "field") -> str:
    """For a name that is none of the `known` fields (parameters, columns …)."""
    hint = did_you_mean(name, known)
    if not known:
        return f"Unknown {kind}; none is taken here."
    return f"Unknown {kind}.{hint} The {kind}s are {list_names(known)}."


def no_choice(value: object, words: Collection[str]) -> str:
    """For a value that is none of the `words`."""
    return f"Must be one of {list_names(words)}.{did_you_mean(str(value), words)}"


def list_names(names: Collection[str]) -> str:
    """The first `MOST_LISTED`, and how many more there are."""
    listed = ", ".join(list(names)[:MOST_LISTED])
    more = len(names) - MOST_LISTED
    return listed if more <= 0 else f"{listed} and {more:,} more"
