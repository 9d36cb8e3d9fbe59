"""What a deployment installs: pinned, hashed, and what `requirements.txt` asks for."""

import re
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import mastertrade

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
ENTRY = re.compile(
    r"^([\w.-]+)==([\w.]+)((?: \\\n    --hash=sha256:[0-9a-f]{64})+)$", re.M
)
LOCKED = {canonicalize_name(name): version for name, version, _ in ENTRY.findall(LOCK)}


def asked() -> list[Requirement]:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    texts = [line.partition("#")[0].strip() for line in lines]
    return [Requirement(text) for text in texts if text]


def test_every_line_is_a_pin_with_its_hashes_or_a_comment() -> None:
    rest = ENTRY.sub("", LOCK)
    assert [x for x in rest.splitlines() if x and not x.lstrip().startswith("#")] == []


def test_the_lock_names_no_place_to_install_from() -> None:
    for word in ("://", "--index-url", "--extra-index-url", "--find-links", " @ "):
        assert word not in LOCK


@pytest.mark.parametrize("requirement", asked(), ids=lambda one: one.name)
def test_the_pin_is_what_is_asked_for(requirement: Requirement) -> None:
    version = LOCKED[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(version)


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the lock is for 3.11")
def test_nothing_is_missing_and_nothing_is_there_in_vain() -> None:
    """What is asked for, and what that needs in turn."""
    needed: set[str] = set()
    waiting = asked()
    while waiting:
        one = waiting.pop()
        name = canonicalize_name(one.name)
        extras = one.extras or {""}
        if name in needed and not one.extras:
            continue
        needed.add(name)
        waiting += [
            further
            for further in map(Requirement, requires(name) or ())
            if not further.marker
            or any(further.marker.evaluate({"extra": extra}) for extra in extras)
        ]
    assert needed == set(LOCKED)


def test_the_newest_released_section_of_the_changelog_is_this_version() -> None:
    page = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    unreleased, released = re.findall(r"^## (\S+)", page, re.M)[:2]
    assert (unreleased, released) == ("Unreleased", mastertrade.__version__)
