"""What is wrong with a text, one file a checker, and how two answers compare. A checker never changes a file."""

from devstral_ls.checkers.comparison import Comparison, compare, span_after
from devstral_ls.checkers.declarations import declarations_of
from devstral_ls.checkers.declared import Declaration, Declared
from devstral_ls.checkers.problem import Checker, Problem, Severity
from devstral_ls.checkers.project import Project
from devstral_ls.checkers.rehearsal import Outcome
from devstral_ls.checkers.ruff import Ruff
from devstral_ls.checkers.syntax import Broken, Syntax
from devstral_ls.checkers.topics import Topic, quoted_in, topic_of
from devstral_ls.checkers.ty import Ty

__all__ = [
    "Broken",
    "Checker",
    "Comparison",
    "Declaration",
    "Declared",
    "Outcome",
    "Problem",
    "Project",
    "Ruff",
    "Severity",
    "Syntax",
    "Topic",
    "Ty",
    "compare",
    "declarations_of",
    "quoted_in",
    "span_after",
    "topic_of",
]
