"""What leaves for a remote model, and what its answers are worth."""

from pathlib import Path

import pytest

from devstral_ls.cancel import CancelToken
from devstral_ls.checkers import Problem, Ruff
from devstral_ls.context.outgoing import masked, reason_to_stay
from devstral_ls.features.errands import (
    Errand,
    explanation_from,
    fix_from,
    parcel_for_explanation,
    parcel_for_fix,
)
from devstral_ls.features.fixes import Tools
from devstral_ls.features.grammar import grammar
from devstral_ls.features.routing import Way, Work, way_for
from devstral_ls.features.verification import examine
from devstral_ls.remote.choice import remote_of
from devstral_ls.remote.consent import Answer
from devstral_ls.remote.parcel import Parcel, Reply
from devstral_ls.text import Document, Place, apply_edits

TOOLS = Tools(checkers=(Ruff(), grammar()))
# Built from pieces, so that no scanner takes this file for a leak.
TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"


def errand_in(
    folder: Path, text: str, *, path: str = "app.py", language_id: str = "python", infill: str = "none"
) -> Errand:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, newline="")
    remote = remote_of({"url": "https://models.example.com/v1", "model": "big", "infill": infill})
    return Errand(remote, Document(file.as_uri(), text, language_id=language_id, path=path), folder, file)


def first_problem(errand: Errand) -> Problem:
    return examine(errand.document, TOOLS.checkers).mistakes[0]


def fixed(errand: Errand, said: str, *, is_whole: bool = True) -> str | None:
    """The text after the fix that a reply holds, or None where nothing is proven."""
    fix = fix_from(Reply(said, is_whole), errand, first_problem(errand), TOOLS, CancelToken())
    return apply_edits(errand.document.text, fix.edits) if fix else None


BROKEN = "def area(width, height):\n    return width * heigth_of_it\n"


def test_a_fix_from_elsewhere_is_proven_here(tmp_path: Path) -> None:
    """The lines that come back are taken for what differs in them, and the title says whose they are."""
    errand = errand_in(tmp_path, BROKEN)
    reply = Reply("```python\ndef area(width, height):\n    return width * height\n```", is_whole=True)
    fix = fix_from(reply, errand, first_problem(errand), TOOLS, CancelToken())
    assert fix is not None
    assert "def area(width, height):\n    return width * height\n" == apply_edits(errand.document.text, fix.edits)
    assert "as models.example.com writes it · verified by ruff" in fix.title
    assert 1 == len(fix.edits)


@pytest.mark.parametrize(
    "said",
    [
        "def area(width, height):\n    return width * hight",  # no block
        "```\ndef area(width, height):\n    return width * hight\n```",  # still wrong
        "```\ndef area(width, height):\n    return width *\n```",  # worse
        "```\ndef area(width, height):\n    return '***'\n```",  # what was hidden comes back
        "```\n" + "x = 1\n" * 100 + "```",
        "",
        "I am sorry, ``` I cannot",
    ],
)
def test_what_the_checkers_refuse_is_no_fix(tmp_path: Path, said: str) -> None:
    """A remote model is believed no more than the one at hand."""
    after = fixed(errand_in(tmp_path, BROKEN), said)
    assert after is None or "***" not in after
    if "hight" in said or said.endswith("*\n```"):
        assert after is None


def test_an_answer_that_was_cut_off_is_no_fix(tmp_path: Path) -> None:
    """Its last line may be half of one."""
    assert (
        fixed(errand_in(tmp_path, BROKEN), "```\ndef area(width, height):\n    return width * height", is_whole=False)
        is None
    )


@pytest.mark.parametrize("text", [BROKEN.replace("\n", "\r\n"), BROKEN.rstrip("\n")])
def test_line_endings_stay(tmp_path: Path, text: str) -> None:
    """Whatever the model writes."""
    said = "```\ndef area(width, height):\n    return width * height\n```"
    assert text.replace("heigth_of_it", "height") == fixed(errand_in(tmp_path, text), said)


def test_a_server_that_fills_holes_fills_the_line(tmp_path: Path) -> None:
    """Its prompt ends where the line's indentation does, and only the first line of its answer counts."""
    errand = errand_in(tmp_path, BROKEN + "print(area(1, 2))\n", infill="suffix")
    parcel = parcel_for_fix(errand, first_problem(errand))
    assert isinstance(parcel, Parcel)
    assert parcel.shown.startswith("def area(width, height):\n    ⟨…⟩\nprint(area(1, 2))\n")
    assert BROKEN.replace("heigth_of_it", "height") + "print(area(1, 2))\n" == fixed(
        errand, "return width * height\nnoise"
    )


def test_a_family_s_markers_are_written_out(tmp_path: Path) -> None:
    """For servers that take a prompt as it is."""
    errand = errand_in(tmp_path, BROKEN, infill="qwen")
    parcel = parcel_for_fix(errand, first_problem(errand))
    assert isinstance(parcel, Parcel)
    assert "<|fim_prefix|>def area(width, height):\n    <|fim_suffix|>\n<|fim_middle|>⟨…⟩" in parcel.shown


SECRETS = f"""\
import os
password = "hunter2"
db = {{"token": 'abc', "url": "postgres://ada:lovelace@db.example.com/x"}}
api_key: str = "short-one"
os.environ["AWS_SECRET_ACCESS_KEY"] = "tiny"
x = "{TOKEN}"
origin = "https://{TOKEN}@git.example.com/a.git"
print(undefined_{TOKEN})
"""


def test_no_secret_leaves(tmp_path: Path) -> None:
    """In assignments, dictionaries, URLs, git remotes, names of files and in what a checker quotes."""
    errand = errand_in(tmp_path, SECRETS, path=f"keys/{TOKEN}.py")
    shown = f"ruff says {tmp_path}/x uses {TOKEN}"
    problem = Problem("ruff", "F821", shown, first_problem(errand).span)
    for parcel in (parcel_for_fix(errand, problem), parcel_for_explanation(errand, Place(errand.document, 40))):
        assert isinstance(parcel, Parcel)
        for secret in ("hunter2", "lovelace", "abc'", "short-one", "tiny", TOKEN, str(tmp_path), str(Path.home())):
            assert secret not in parcel.shown


def test_a_private_key_keeps_its_file_here(tmp_path: Path) -> None:
    """A window might show a part of it that nothing recognises."""
    text = 'x = undefined\nkey = """-----BEGIN ' + 'RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----"""\n'
    errand = errand_in(tmp_path, text)
    assert "app.py stays here: it may hold a private key, or has line endings of its own" == parcel_for_fix(
        errand, first_problem(errand)
    )


@pytest.mark.parametrize(
    ("path", "ignores", "reason"),
    [
        ("app.py", {}, None),
        ("app.py", {".devstralignore": "app.py\n"}, "it is ignored"),
        ("private/deep/app.py", {".devstralignore": "/private/\n"}, "it is ignored"),
        ("private/deep/app.py", {"private/.devstralignore": "deep\n"}, "it is ignored"),
        ("private/app.py", {".gitignore": "private/*\n!private/app.py\n"}, None),
        ("out/app.py", {".gitignore": "out\n"}, "it is ignored"),
        ("secrets.yaml", {}, "files of its name hold secrets"),
        (".env.local", {}, "files of its name hold secrets"),
        (".aws/credentials", {}, "files of its name hold secrets"),
    ],
)
def test_files_that_stay(tmp_path: Path, path: str, ignores: dict[str, str], reason: str | None) -> None:
    """Ignored by git or by us, in any folder above, or named as secrets are."""
    for name, text in {path: "", **ignores}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert reason == reason_to_stay(tmp_path, tmp_path / path)


def test_what_lies_or_leads_outside_stays(tmp_path: Path) -> None:
    """Another folder, and a link that leads there."""
    root, other = tmp_path / "root", tmp_path / "other.py"
    root.mkdir()
    other.write_text("")
    (root / "link.py").symlink_to(other)
    assert "it lies outside of the workspace" == reason_to_stay(root, other)
    assert "it leads out of the workspace" == reason_to_stay(root, root / "link.py")


def test_configuration_is_masked_without_quotes() -> None:
    """Programs name variables there; configuration holds the value itself."""
    assert "user: ada\npassword: ***\nexport API_KEY=***\n" == masked(
        "user: ada\npassword: a b\nexport API_KEY=x\n", "yaml"
    )
    assert "password = get()\n" == masked("password = get()\n", "python")


def test_explanations_are_plain_words(tmp_path: Path) -> None:
    """No link or command of an editor, nothing unseen, and not taken for our own."""
    errand = errand_in(tmp_path, BROKEN)
    words = explanation_from(Reply("See [this](command:rm)\u202e.", is_whole=True), errand)
    assert "See [this] (command:rm)⟨U+202E⟩.\n— models.example.com, not verified" == words


def test_the_router() -> None:
    """Typing stays whatever was allowed; the rest goes by consent and size."""
    ways = {(work, answer): way_for(work, 10, answer) for work in Work for answer in Answer}
    assert {Way.STAY} == {ways[Work.TYPING, answer] for answer in Answer}
    for work in (Work.FIX, Work.EXPLANATION):
        assert [Way.OUT, Way.STAY, Way.ASK_FIRST] == [ways[work, answer] for answer in Answer]
        assert Way.STAY is way_for(work, 1_000_000, Answer.ALLOWED)
