"""Write a test of the function whose first line holds the cursor.

Before: `def slug(text):` with `>>> slug("A b")` and `'a-b'` in its docstring.
After: `assert slug("A b") == "a-b"` in a function `test_slug` of the file with the module's tests.

In a project that the user trusts the calls are made in a copy of it, and what they return is what the test expects:
it says what the function does, not what it should do. Elsewhere nothing is run, and only the docstring is believed.
"""

import ast
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from devstral_ls.cancel import CancelToken
from devstral_ls.checkers import Outcome, Project, Ty
from devstral_ls.errors import CheckerFailed, NoCalls
from devstral_ls.features.calls import raises_of
from devstral_ls.features.code_actions.action import Asked, Elsewhere, Offer
from devstral_ls.features.endings import LineEnd
from devstral_ls.features.fixes import Tools
from devstral_ls.features.python_tree import first_line, own_nodes, parse, span_of
from devstral_ls.features.unit_tests.places import Home, home_of, imported_as, module_of
from devstral_ls.features.unit_tests.trials import Origin, Trial, from_calls, from_docstring, from_types, from_written
from devstral_ls.features.unit_tests.writing import AS_DOCUMENTED, AS_IT_IS, Case, Named, Written, written
from devstral_ls.features.verification import examine, keeps_clean
from devstral_ls.features.writer import Writer
from devstral_ls.text import Document, Span

KIND = "refactor.rewrite.test"
MAX_CASES = 6
_ENOUGH = 3  # trials without a model
_N_BEST, _MAX_TOKENS, _DEADLINE_MS = 3, 32, 6000


def offer(asked: Asked, tools: Tools, cancel: CancelToken) -> Iterator[Offer]:  # noqa: ARG001
    """On the line of a `def` at the left margin, where there is a call to try."""
    node = _function(asked.document, asked.span.start)
    project = tools.project
    if node is None or project is None or _is_test(asked.document):
        return
    trials = _trials(node, asked.document, tools)
    asks_model = project.is_trusted and asked.has_model and len(trials) < _ENOUGH
    # A menu is asked for with every step of the cursor: calls elsewhere are read when somebody chooses this.
    is_called = project.is_trusted and any(f"{node.name}(" in each.text for each in tools.neighbours)
    is_asked_elsewhere = project.is_trusted and bool(asked.elsewhere)
    if trials or asks_model or is_called or is_asked_elsewhere:
        how = "expect what it returns now" if project.is_trusted else "from the examples of its docstring, not run"
        start = span_of(node, asked.document.text, asked.document.lines).start
        yield Offer(
            action="unit_tests",
            kind=KIND,
            title=f"Write a test of {node.name}: {how}",
            span=Span(start, start),
            is_generated=asks_model,
        )


@dataclass(frozen=True, slots=True)
class _Subject:
    """A function, where its test goes, and how it is named there."""

    document: Document
    node: ast.FunctionDef
    project: Project
    home: Home
    named: Named

    @property
    def module(self) -> str:
        """What the function is imported from."""
        return self.named.wanted.module if self.named.wanted else module_of(self.document, self.home, self.project)


def resolve(offer: Offer, document: Document, tools: Tools, writer: Writer | None) -> Offer | None:
    """The test as an edit of its file, when it has passed, or when it could not be run and says what is documented."""
    return _resolved(offer, document, tools, lambda subject: _written_trials(subject, writer) if writer else [])


def resolve_with(offer: Offer, document: Document, tools: Tools, calls: Sequence[str]) -> Offer | None:
    """The same with calls that somebody else wrote, of which those with literals are made; only where things run."""
    if tools.project is None or not tools.project.is_trusted:
        return None
    return _resolved(offer, document, tools, lambda subject: list(_called(calls, subject.node.name)))


def source_of(document: Document, offset: int) -> tuple[int, int] | None:
    """The first and the last line of the function that is tested."""
    node = _function(document, offset)
    return None if node is None or node.end_lineno is None else (first_line(node) - 1, node.end_lineno - 1)


def _called(calls: Sequence[str], name: str) -> Iterator[Trial]:
    for each in calls:
        _, opening, rest = each.partition(f"{name}(")
        if opening and (trial := from_written(rest, name)) is not None:
            yield trial


def _resolved(
    offer: Offer, document: Document, tools: Tools, write: Callable[["_Subject"], list[Trial]]
) -> Offer | None:
    start_s = time.monotonic()
    subject = _subject(document, offer.span.start, tools)
    if subject is None:
        return None
    node, home = subject.node, subject.home
    around = itertools.chain(tools.neighbours, subject.project.holding(f"{node.name}("))
    trials = _trials(node, document, tools, around)
    if subject.project.is_trusted and len(trials) < _ENOUGH:
        trials += write(subject)
    trials = [each for each in _distinct(trials) if each.call not in home.document.text]
    try:
        test, how = _rehearsed(subject, trials, tools) if subject.project.is_trusted else _unrun(subject, trials, tools)
    except CheckerFailed as error:
        raise type(error)(f"no test of {node.name}: {error}") from None
    title = f"Write a test of {node.name}: {how} · {(time.monotonic() - start_s) * 1e3:.0f} ms"
    version = home.document.version if home.path in subject.project.opened else None
    elsewhere = Elsewhere(home.document, test.edits_of(home.document), version=version, is_new=home.is_new)
    return replace(offer, title=title, edits=(), elsewhere=elsewhere)


def _rehearsed(subject: _Subject, trials: Sequence[Trial], tools: Tools) -> tuple[Written, str]:
    """Call, write down what came back, and run the test: what does not pass is not offered."""
    document, home = subject.document, subject.home
    with subject.project.rehearse({document.path: document.text}) as copy:
        outcomes = copy.outcomes_of(subject.module, [each.call for each in trials])
        seen = list(zip(trials, outcomes, strict=True))
        cases = _cases(seen, frozenset(raises_of(subject.node)))
        is_documented = all(trial.origin is Origin.DOCSTRING for trial in cases)
        test = _checked(subject, list(cases.values()), AS_DOCUMENTED if is_documented else AS_IT_IS, tools)[0]
        copy.write(home.path, test.document.text)
        runner = copy.runner_of(home.path, test.name)
    how = f"{_count(len(cases), 'case')}, passed with {runner}"
    n_wrong = sum(_contradicts(trial, outcome) for trial, outcome in seen)
    return test, f"{how}; {_count(n_wrong, 'example')} of its docstring did not hold" if n_wrong else how


def _unrun(subject: _Subject, trials: Sequence[Trial], tools: Tools) -> tuple[Written, str]:
    """What the docstring says, believed."""
    cases = [Case(each.call, each.value, each.raised) for each in trials[:MAX_CASES]]
    test, judges = _checked(subject, cases, AS_DOCUMENTED, tools)
    return test, f"{_count(len(cases), 'example')} of its docstring, not run; {judges} find nothing wrong"


def _checked(subject: _Subject, cases: Sequence[Case], why: str, tools: Tools) -> tuple[Written, str]:
    """The test, and who finds nothing new wrong in its file."""
    if not cases:
        raise NoCalls("no call of it that is not tested yet gives a value that can be written down")
    test = written(subject.home, subject.named, cases, why)
    if test is None:
        raise CheckerFailed(f"{subject.home.path} is not Python as it stands")
    # What a type checker knows of other files is said better by running, and where nothing runs it knows too little.
    checkers = [each for each in tools.checkers if not isinstance(each, Ty)]
    proof = keeps_clean(examine(subject.home.document, checkers), test.edits_of(subject.home.document))
    if not proof.is_proven:
        raise CheckerFailed(f"it would be wrong in {subject.home.path}: {proof.reason}")
    return test, " and ".join(proof.checked_by)


def _cases(seen: Sequence[tuple[Trial, Outcome]], raises: frozenset[str]) -> dict[Trial, Case]:
    """The calls that came to something; exceptions count where the function itself raises them."""
    cases: dict[Trial, Case] = {}
    known: set[Outcome] = set()
    for trial, outcome in seen:
        if trial.origin is Origin.TYPES and outcome in known:
            continue  # made-up arguments that show nothing new
        known.add(outcome)
        is_meant = trial.raised == outcome.raised if trial.origin is Origin.DOCSTRING else outcome.raised in raises
        if outcome.value and not _contradicts(trial, outcome):
            cases[trial] = Case(trial.call, value=outcome.value)
        elif outcome.shown and trial.origin is not Origin.DOCSTRING:
            cases[trial] = Case(f"repr({trial.call})", value=repr(outcome.shown))
        elif outcome.raised and is_meant:
            cases[trial] = Case(trial.call, raised=outcome.raised)
    if all(each.value == "None" for each in cases.values()):
        return {}  # it is called for what it does, which no value shows
    return dict(list(cases.items())[:MAX_CASES])


def _contradicts(trial: Trial, outcome: Outcome) -> bool:
    """Whether the docstring says something else than what came of the call."""
    if trial.origin is not Origin.DOCSTRING:
        return False
    if trial.raised or not outcome.value:
        return trial.raised != outcome.raised
    return bool(ast.literal_eval(trial.value) != ast.literal_eval(outcome.value))


def _subject(document: Document, offset: int, tools: Tools) -> _Subject | None:
    node, project = _function(document, offset), tools.project
    home = home_of(document, project) if project else None
    if node is None or project is None or home is None:
        return None
    spelled, wanted = imported_as(node.name, document, home, project)
    return _Subject(document, node, project, home, Named(node.name, spelled, wanted))


def _trials(node: ast.FunctionDef, document: Document, tools: Tools, others: Iterable[Document] = ()) -> list[Trial]:
    """What can be tried without a model; in a project that is not trusted, what its docstring says."""
    documented = list(from_docstring(node))
    if tools.project is None or not tools.project.is_trusted:
        return documented
    return _distinct([*documented, *from_calls(node, document, others), *from_types(node)])


def _written_trials(subject: _Subject, writer: Writer) -> list[Trial]:
    """What the model writes behind `assert name(` at the end of the file with the tests."""
    opening = f"\n\n\ndef test_{subject.node.name}():\n    assert {subject.named.spelled}("
    document, source = subject.home.document, subject.named.wanted
    text = (f"{source.statement}\n" if source else "") + document.text.rstrip()
    end = Span(len(text), len(text))
    completions = writer.fill(
        replace(document, text=text),
        end,
        opening=opening,
        max_tokens=_MAX_TOKENS,
        stop=LineEnd(),
        n_best=_N_BEST,
        deadline_ms=_DEADLINE_MS,
    )
    found = (from_written(each.text, subject.node.name) for each in completions)
    return [each for each in found if each]


def _distinct(trials: Sequence[Trial]) -> list[Trial]:
    """Each call once, in the words of the most telling origin."""
    found: dict[str, Trial] = {}
    for each in trials:
        found.setdefault(each.call, each)
    return list(found.values())


def _function(document: Document, offset: int) -> ast.FunctionDef | None:
    """The function at the left margin that starts on the line of `offset` and returns when it is called."""
    tree = parse(document.text) if document.language_id == "python" else None
    line = document.lines.line_of(offset) + 1
    functions = (each for each in (tree.body if tree else ()) if isinstance(each, ast.FunctionDef))
    node = next((each for each in functions if each.lineno == line), None)
    is_generator = node is not None and any(isinstance(each, ast.Yield | ast.YieldFrom) for each in own_nodes(node))
    return None if is_generator else node


def _is_test(document: Document) -> bool:
    name = PurePosixPath(document.path).name
    return name.startswith("test_") or name.endswith("_test.py") or name == "conftest.py"


def _count(n: int, noun: str) -> str:
    return f"1 {noun}" if n == 1 else f"{n} {noun}s"
