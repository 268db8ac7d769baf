"""Settings: one field each, with its type, default and one sentence; docs and editor schemas come from here."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, field, fields, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Self

_MAX_SHOWN_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class Settings:
    """What a user may choose. Sources: the command line, initialization options, `workspace/configuration`."""

    model: str = field(
        default="",
        metadata={"doc": "Name or folder of the model bundle; empty means the embedded one.", "scope": "user"},
    )
    provider: str = field(
        default="cpu",
        metadata={"doc": "ONNX Runtime execution provider.", "choices": ("cpu", "cuda", "coreml"), "scope": "user"},
    )
    n_threads: int = field(
        default=0,
        metadata={
            "doc": "Threads of the model; 0 chooses as many as this machine has cores to spare at the start.",
            "minimum": 0,
            "scope": "user",
        },
    )
    share_engine: bool = field(
        default=False,
        metadata={
            "doc": "Whether all editors of a user share one engine, and with it the memory of one model; otherwise each"
            " server has its own.",
            "scope": "user",
        },
    )
    eagerness: str = field(
        default="balanced",
        metadata={
            "doc": "How sure the model must be to suggest while somebody types; asked by a key it always answers.",
            "choices": ("eager", "balanced", "quiet"),
        },
    )
    max_lines: int = field(
        default=8,
        metadata={"doc": "The longest suggestion, in lines; 1 keeps to the current line.", "minimum": 1},
    )
    context_tokens: int = field(
        default=8192,
        metadata={
            "doc": "The most tokens of other files that a typing request may show the model: 1,024, or more where the"
            " model has read as much in 0.4 seconds; 0 leaves these files out.",
            "minimum": 0,
        },
    )
    read_ahead: bool = field(
        default=True,
        metadata={"doc": "Whether the model reads a document that opens, and where the cursor stops, before you type."},
    )
    deadline_ms: int = field(
        default=2000,
        metadata={"doc": "A suggestion that takes longer is cut where it stands.", "minimum": 50},
    )
    disabled_languages: tuple[str, ...] = field(
        default=(),
        metadata={"doc": "Language identifiers, as editors name them, in which nothing is suggested."},
    )
    disabled_files: tuple[str, ...] = field(
        default=(),
        metadata={"doc": "Patterns such as `vendor/*` of paths where nothing is suggested; `*` is everywhere."},
    )
    known_names_only: bool = field(
        default=True,
        metadata={"doc": "Whether a suggestion may only name members of an object that exist, where that is known."},
    )
    count_suggestions: bool = field(
        default=True,
        metadata={
            "doc": "Whether what became of suggestions is counted in a file of your own for `devstral-ls stats`;"
            " it holds no source text and is never sent anywhere."
        },
    )
    record_prompts: bool = field(
        default=False,
        metadata={
            "doc": "Whether completions are recorded for `devstral-ls replay`, with the source text that they came"
            " from, in a folder of your own; never sent anywhere.",
            "scope": "user",
        },
    )
    completion_items: str = field(
        default="auto",
        metadata={
            "doc": "Whether suggestions also come as ordinary completion items; `auto` means "
            "for editors without inline completion.",
            "choices": ("auto", "always", "never"),
        },
    )
    diagnostics: bool = field(
        default=False,
        metadata={"doc": "Whether what our checkers find is also reported, for editors without another Python linter."},
    )
    explain_undocumented: bool = field(
        default=False,
        metadata={
            "doc": "Whether a hover over a function without a docstring shows a sentence that the model has written,"
            " once it is there; the embedded model is too often wrong for that."
        },
    )
    checkers: tuple[Mapping[str, Any], ...] = field(
        default=(),
        metadata={"doc": "Programs of yours that also judge texts, as in the page on fixes.", "scope": "user"},
    )
    trusted_folders: tuple[str, ...] = field(
        default=(),
        metadata={
            "doc": "Folders that you trust with all below them: in projects there, and nowhere else, `checkers` run and"
            " tests are tried out.",
            "scope": "user",
        },
    )

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> tuple["Settings", list[str]]:
        """The settings in `given`, and one line for each value that was refused and left at its default."""
        return cls().changed_by(given)

    def changed_by(self, given: Mapping[str, Any]) -> tuple[Self, list[str]]:
        """These settings with those in `given`, and one line for each value that was refused and left as it is."""
        known = {each.name: each for each in fields(self)}
        accepted: dict[str, Any] = {}
        problems: list[str] = []
        for name, value in given.items():
            problem = _problem(name, value, known)
            if problem is None:
                accepted[name] = tuple(value) if isinstance(value, list) else value
            else:
                problems.append(problem)
        return replace(self, **accepted), problems

    def reason_off(self, language_id: str, path: str) -> str | None:
        """Which setting keeps us silent in this document, or None when none does."""
        if language_id in self.disabled_languages:
            return f"suggestions are switched off for {language_id}"
        pattern = next((each for each in self.disabled_files if fnmatchcase(path, each)), None)
        return f"suggestions are switched off for {pattern}" if pattern else None

    def trusts(self, root: Path) -> bool:
        """Whether programs may be run in the project below `root`, wherever links lead."""
        folders = (Path(each).expanduser() for each in self.trusted_folders)
        return any(each.is_absolute() and root.resolve().is_relative_to(each.resolve()) for each in folders)


USER_SCOPE = frozenset(each.name for each in fields(Settings) if each.metadata.get("scope") == "user")


def settings_page() -> str:
    """The manual of all settings, in Markdown."""
    rows = "\n".join(_row(each) for each in fields(Settings))
    return _PAGE.format(rows=rows)


_PAGE = """\
# Settings

<!-- Made by `python -m devstral_ls.config > docs/settings.md` from the settings in the code. -->

Editors send these as initialization options, or under the section `devstral` of their own settings.
A value that is refused is reported in the editor's log and left as it was; it never stops the server.
Settings marked *user* choose what runs on your machine: they are taken from the command line
and from initialization options, never from settings that may come with a workspace.

| setting | type | default | what it does |
|---|---|---|---|
{rows}

In patterns, `*` stands for anything, also across folders, and paths are relative to the workspace folder.
"""


def _row(setting: "Field[Any]") -> str:
    words = [setting.metadata["doc"]]
    if choices := setting.metadata.get("choices"):
        words.append(f"One of {', '.join(f'`{each}`' for each in choices)}.")
    if (minimum := setting.metadata.get("minimum")) is not None:
        words.append(f"At least {minimum}.")
    if setting.name in USER_SCOPE:
        words.append("*user*")
    default = _json_words(setting.default)
    return f"| `{setting.name}` | {_type_name(setting)} | `{default}` | {' '.join(words)} |"


_TYPE_NAMES: dict[Any, str] = {
    bool: "true or false",
    str: "text",
    int: "whole number",
    tuple[str, ...]: "list of texts",
    tuple[Mapping[str, Any], ...]: "list of objects",
}


def _type_name(setting: "Field[Any]") -> str:
    return _TYPE_NAMES[setting.type]


def _json_words(value: object) -> str:
    if isinstance(value, tuple):
        return "[]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _problem(name: str, value: Any, known: Mapping[str, "Field[Any]"]) -> str | None:
    """Why `value` cannot be the setting `name`, in one line, or None when it can."""
    if name not in known:
        return f"unknown setting {_shown(name)}; known are {', '.join(sorted(known))}"
    setting = known[name]
    if not _is_of_type(value, setting.type):
        return f"setting {name!r} is {_shown(value)}, but must be a {_type_name(setting)}"
    choices: Sequence[str] | None = setting.metadata.get("choices")
    if choices is not None and value not in choices:
        return f"setting {name!r} is {_shown(value)}, but must be one of {', '.join(choices)}"
    minimum: int | None = setting.metadata.get("minimum")
    if minimum is not None and value < minimum:
        return f"setting {name!r} is {_shown(value)}, but must be at least {minimum}"
    return None


def _shown(value: Any) -> str:
    """A value as it goes into a line of a log, however long it is."""
    words = repr(value)
    return words if len(words) <= _MAX_SHOWN_CHARACTERS else f"{words[:_MAX_SHOWN_CHARACTERS]}…"


def _is_of_type(value: Any, wanted: Any) -> bool:
    if wanted == tuple[str, ...]:
        return isinstance(value, (list, tuple)) and all(isinstance(each, str) for each in value)
    if wanted == tuple[Mapping[str, Any], ...]:
        return isinstance(value, (list, tuple)) and all(isinstance(each, Mapping) for each in value)
    return type(value) is wanted


if __name__ == "__main__":
    sys.stdout.write(settings_page())
