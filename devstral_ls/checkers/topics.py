"""What a problem is about, whoever published it: different checkers have different codes for the same mistake."""

import re
from enum import StrEnum

from devstral_ls.checkers.problem import Problem


class Topic(StrEnum):
    """The kinds of mistake for which we know candidates."""

    SYNTAX = "syntax"
    PLACE = "misplaced statement"
    NAME = "undefined name"
    ATTRIBUTE = "unknown attribute"
    IMPORT = "unknown import"
    ARGUMENT_NAME = "unknown argument name"
    ARGUMENT_MISSING = "missing argument"
    ARGUMENT_SURPLUS = "surplus argument"
    AWAIT = "missing await"
    RETURN = "missing return"
    TYPE = "wrong type"
    UNUSED = "unused"
    OTHER = "other"


_CODES: dict[Topic, frozenset[str]] = {
    Topic.SYNTAX: frozenset({"invalid-syntax", "E999", "syntax-error", "E0001", "E112", "E113", "E902", "F999"}),
    Topic.PLACE: frozenset(
        {"F701", "F702", "F704", "F706", "PLE1142", "return-outside-function", "await-outside-async"}
    ),
    Topic.NAME: frozenset(
        {"F821", "F822", "F823", "unresolved-reference", "possibly-unresolved-reference", "reportUndefinedVariable"}
        | {"undefined-variable", "E0602", "name-defined", "unknown-name"}
        | {"TS2304", "TS2552", "2304", "2552", "E0425", "E0412", "E0433", "UndeclaredName", "undeclared_var_use"},
    ),
    Topic.ATTRIBUTE: frozenset(
        {"missing-attribute", "unresolved-attribute", "possibly-missing-attribute", "missing-union-attribute"}
        | {"reportAttributeAccessIssue", "attr-defined", "no-member", "E1101"}
        | {"TS2339", "TS2551", "2339", "2551", "E0599", "E0609", "MissingFieldOrMethod", "no_member"},
    ),
    Topic.IMPORT: frozenset(
        {"import-not-found", "unresolved-import", "missing-module-member", "reportMissingImports"}
        | {"import-error", "E0401", "E0611", "no-name-in-module"},
    ),
    Topic.ARGUMENT_NAME: frozenset(
        {"unknown-argument", "no-matching-overload", "unexpected-keyword-arg", "E1123"}
        | {"invalid-legacy-type-variable", "invalid-paramspec"},
    ),
    Topic.ARGUMENT_MISSING: frozenset({"missing-argument", "no-value-for-parameter", "E1120"}),
    Topic.ARGUMENT_SURPLUS: frozenset({"too-many-positional-arguments", "too-many-function-args", "E1121"}),
    Topic.AWAIT: frozenset({"unused-awaitable", "unused-coroutine", "reportUnusedCoroutine"}),
    Topic.RETURN: frozenset(
        {"invalid-implicit-return", "return", "reportReturnType", "invalid-return-type"}
        | {"PLE0303", "PLE0304", "PLE0305", "PLE0307", "PLE0308", "PLE0309"},
    ),
    Topic.TYPE: frozenset(
        {"invalid-argument-type", "invalid-assignment", "invalid-explicit-return", "unsupported-operator"}
        | {"not-iterable", "not-subscriptable", "not-callable", "call-non-callable", "reportArgumentType"}
        | {"arg-type", "assignment", "return-value", "reportAssignmentType", "invalid-parameter-default"}
        | {"invalid-type-form", "invalid-yield", "redundant-condition"},
    ),
    Topic.UNUSED: frozenset({"F401", "F811", "F841", "unused-import", "unused-variable", "W0611", "W0612"}),
}
_TOPICS = {code: topic for topic, codes in _CODES.items() for code in codes}
# How compilers without codes say it: Python's, gcc's, clang's, Go's and JavaScript's.
_UNKNOWN_NAME = ("undefined name", "is not defined", "undeclared", "undefined: ", "cannot find name")
_UNREADABLE = ("syntax", "unexpected token", "expected expression", "expected ';'", "expected ')'", "expected '}'")
_QUOTED = re.compile(r"[`'\"]([^`'\"\n]+)[`'\"]")


def topic_of(problem: Problem) -> Topic:
    """The topic of a problem's code; messages are only read where a publisher gives no code."""
    if problem.code:
        return _TOPICS.get(problem.code, Topic.OTHER)
    message = problem.message.lower()
    if any(words in message for words in _UNKNOWN_NAME):
        return Topic.NAME
    return Topic.SYNTAX if any(words in message for words in _UNREADABLE) else Topic.OTHER


def quoted_in(message: str) -> list[str]:
    """The pieces of code that a message puts in quotes, in its order."""
    return _QUOTED.findall(message)
