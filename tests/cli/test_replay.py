"""`devstral-ls replay`: what was recorded is said again."""

import asyncio
import json
from pathlib import Path

import pytest

from devstral_ls.cancel import CancelToken
from devstral_ls.cli.app import run
from devstral_ls.config import Settings
from devstral_ls.context import Sources, Workspace
from devstral_ls.engine import open_engine
from devstral_ls.engine.request import Generation
from devstral_ls.features.inline_completion import Plan, suggest
from devstral_ls.features.replay import recording
from devstral_ls.recordings import FOLDER_NAME, MAX_RECORDINGS, write
from devstral_ls.text import Document, Place

TEXT = "def add(first, second):\n    return "


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DEVSTRAL_LS_DATA", str(tmp_path))
    (tmp_path / FOLDER_NAME).mkdir()
    return tmp_path / FOLDER_NAME


@pytest.fixture
def recorded(folder: Path, tiny_model: Path, tmp_path: Path) -> str:
    """The id of one completion of the tiny model."""
    settings = Settings(model=str(tiny_model), n_threads=1)
    engine = open_engine(tiny_model, n_threads=1)
    ids: list[str] = []

    def watch(plan: Plan, generation: Generation) -> None:
        kept = recording(plan, generation, settings, engine.facts())
        assert kept is not None
        ids.append(write(folder, kept))

    with Workspace((tmp_path,)) as workspace:
        place = Place(Document("file:///add.py", TEXT, path="add.py"), len(TEXT))
        sources = Sources(workspace=workspace)
        work = suggest(
            place, engine=engine, sources=sources, settings=settings, cancel=CancelToken(), key="a", watch=watch
        )
        asyncio.run(work)
    engine.close()
    return ids[0]


def test_the_same_is_said_again(recorded: str, capsys: pytest.CaptureFixture[str]) -> None:
    """To the last bit of its probabilities."""
    assert 0 == run(["replay", recorded])
    assert f"{recorded}: bit-equal\n" in capsys.readouterr().out


def test_something_else_is_told(recorded: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As after a change of the model: both texts are shown, and the exit code is 1."""
    (file,) = folder.iterdir()
    content = json.loads(file.read_text("utf-8"))
    content["said"][0]["text"] = "another"
    file.write_text(json.dumps(content), "utf-8")
    assert 1 == run(["replay", recorded[:4], "--json"])
    assert "different" == json.loads(capsys.readouterr().out)["verdict"]


def test_recordings_are_listed_and_forgotten(recorded: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A line each, until they are deleted."""
    assert 0 == run(["replay"])
    assert capsys.readouterr().out.startswith(f"{recorded}  20")
    assert 0 == run(["replay", "--forget"])
    assert 0 == run(["replay"])
    assert (
        "1 recording deleted\nnothing is recorded; the setting `record_prompts` switches it on\n"
        == capsys.readouterr().out
    )


def test_an_unknown_id_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line says what to do."""
    assert 2 == run(["replay", "beef"])
    assert "devstral-ls: no recording with the id 'beef'; `devstral-ls replay` lists them\n" == capsys.readouterr().err


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 0, "model": "", "provider": "cpu", "n_threads": 1}'])
def test_a_damaged_recording_is_refused(folder: Path, content: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Not with a traceback."""
    (folder / "1-beef.json").write_text(content, "utf-8")
    assert 2 == run(["replay", "beef"])
    assert 1 == len(capsys.readouterr().err.splitlines())


def test_a_damaged_recording_is_listed_as_such(recorded: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The others are listed all the same."""
    (folder / "1-beef.json").write_text('{"id": "beef"}', "utf-8")
    assert 0 == run(["replay"])
    damaged, sound = capsys.readouterr().out.splitlines()
    assert "beef  is damaged" == damaged
    assert sound.startswith(recorded)


def test_recordings_are_the_users_alone_and_the_oldest_go(folder: Path) -> None:
    """So many are kept, and nobody else may read them."""
    for number in range(MAX_RECORDINGS + 2):
        write(folder, {"number": number})
    kept = sorted(folder.iterdir())
    assert MAX_RECORDINGS == len(kept)
    assert 2 == json.loads(kept[0].read_text("utf-8"))["number"]
    assert 0o600 == kept[0].stat().st_mode & 0o777
