"""What a scenario saw, and which expectations it found violated."""

from dataclasses import dataclass, field


@dataclass
class Report:
    """Facts in the order they were seen; no violation means that all held."""

    title: str
    facts: list[tuple[str, str]] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    expectations: int = 0

    def note(self, what: str, saw: object) -> None:
        self.facts.append((what, str(saw)))

    def expect(self, holds: bool, otherwise: str) -> None:
        self.expectations += 1
        if not holds:
            self.violations.append(otherwise)

    def expect_none(self, found: list[str], otherwise: str) -> None:
        self.expect(not found, f"{otherwise}: {'; '.join(found[:5])}")
