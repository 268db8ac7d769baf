"""What no local candidate could mend is asked of a remote model, problem by problem, and proven like all the rest."""

from collections.abc import Callable
from dataclasses import replace

from devstral_ls.cancel import CancelToken
from devstral_ls.checkers import Problem
from devstral_ls.errors import RemoteError
from devstral_ls.features.errands import Errand, fix_from, parcel_for_fix
from devstral_ls.features.fixes import Cleaned, Tools
from devstral_ls.features.verification import examine
from devstral_ls.remote.parcel import Parcel, Reply
from devstral_ls.text import apply_edits

MAX_QUESTIONS = 10  # about one file


def fix_what_is_left(
    cleaned: Cleaned,
    errand: Errand,
    tools: Tools,
    ask: Callable[[Parcel], Reply],
    wanted: Callable[[Problem], bool],
) -> tuple[Cleaned, RemoteError | None]:
    """The text with what the remote model mended, and what ended the asking before all was asked."""
    asked: set[tuple[str, str, str]] = set()
    while len(asked) < MAX_QUESTIONS:
        problem = next((each for each in cleaned.left if _name(cleaned, each) not in asked), None)
        if problem is None:
            break
        asked.add(_name(cleaned, problem))
        about = replace(errand, document=cleaned.document)
        parcel = parcel_for_fix(about, problem)
        if isinstance(parcel, str):
            return cleaned, RemoteError(parcel)
        try:
            fix = fix_from(ask(parcel), about, problem, tools, CancelToken())
        except RemoteError as error:
            return cleaned, error
        if fix is not None:
            document = replace(cleaned.document, text=apply_edits(cleaned.document.text, fix.edits))
            left = tuple(each for each in examine(document, tools.checkers).mistakes if wanted(each))
            cleaned = replace(cleaned, document=document, fixes=(*cleaned.fixes, fix), left=left)
    return cleaned, None


def _name(cleaned: Cleaned, problem: Problem) -> tuple[str, str, str]:
    """A problem is the same while its line is, wherever that has moved."""
    document = cleaned.document
    return problem.code, problem.message, document.line_text(document.lines.line_of(problem.span.start))
