"""The sentences of refusals: what is wrong, what is allowed, what comes nearest."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches

# A name longer than this is no typing error, and comparing it would cost.
LONGEST_COMPARED = 100
# Names that a message lists, and that a nearest one is looked for among.
MOST_LISTED = 60
# Of a user's own things, which may be many, a message lists fewer.
MOST_OWN_LISTED = 10
# How like a choice must be: of few short words one is always somewhat like another.
CHOICE_CUTOFF = 0.8


def counted(count: int, one: str) -> str:
    """ "1 row", "2,000 rows"."""
    return f"{count:,} {one}{'' if count == 1 else 's'}"


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known name most like `name`, whatever its capitals; None: none is."""
    if len(name) > LONGEST_COMPARED:
        return None
    by_lower_case = {one.lower(): one for one in known}
    found = get_close_matches(name.lower(), by_lower_case, n=1, cutoff=cutoff)
    return by_lower_case[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """A sentence with a space before it, or nothing."""
    near = nearest(name, known, cutoff)
    return "" if near is None else f" Did you mean {near}?"


def unknown_field(name: str, known: Collection[str], kind: str = "field") -> str:
    """For a name that is none of the `known` fields (parameters, columns …)."""
    hint = did_you_mean(name, known)
    if not known:
        return f"Unknown {kind}; none is taken here."
    return f"Unknown {kind}.{hint} The {kind}s are {list_names(known)}."


def no_choice(value: object, words: Collection[str]) -> str:
    """For a value that is none of the `words`."""
    hint = did_you_mean(str(value), words, CHOICE_CUTOFF)
    return f"Must be one of {list_names(words)}.{hint}"


def list_names(
    names: Collection[str], most: int = MOST_LISTED, *, of: int | None = None
) -> str:
    """The first `most`, and how many more there are: `of` is how many in all."""
    listed = ", ".join(list(names)[:most])
    more = (len(names) if of is None else of) - most
    return listed if more <= 0 else f"{listed} and {more:,} more"
