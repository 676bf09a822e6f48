"""What a check says: all is well, a warning, or a problem with its fix."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"  # works, but not as well as it could
    PROBLEM = "problem"  # does not work until somebody does something


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. It never holds a secret."""

    level: Level
    subject: str  # "camera front-door", "redis"
    text: str
    fix: str = ""
    repair: str = ""  # what `vedette check --deep --repair` does about it; empty: it is for a person

    def to_json(self) -> dict[str, str]:
        return {"level": self.level.value, "subject": self.subject, "text": self.text, "fix": self.fix} | (
            {"repair": self.repair} if self.repair else {}
        )


def ok(subject: str, text: str) -> Finding:
    return Finding(Level.OK, subject, text)


def warning(subject: str, text: str, fix: str) -> Finding:
    return Finding(Level.WARNING, subject, text, fix)


def problem(subject: str, text: str, fix: str) -> Finding:
    return Finding(Level.PROBLEM, subject, text, fix)


def all_well(findings: Iterable[Finding]) -> bool:
    """Whether nothing is a problem; warnings are allowed."""
    return all(finding.level is not Level.PROBLEM for finding in findings)
