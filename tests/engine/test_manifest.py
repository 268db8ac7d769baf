"""A model folder is data: whatever is wrong with it, one line says what, which value and what to do."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_manifest import MANIFEST

from devstral_ls import errors
from devstral_ls.engine.manifest import inspect_bundle, read_manifest, verify_bundle, write_manifest


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A sealed folder of four small files."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    for name in ("model.onnx", "model.onnx.data", "tokenizer.json", "LICENSE"):
        (folder / name).write_text(f"the content of {name}")
    write_manifest(folder, MANIFEST)
    return folder


def check_refused(folder: Path, kind: type[errors.BundleError], *words: str) -> None:
    """Verification stops with this error, in one line that holds the words and ends without a full stop."""
    with pytest.raises(kind) as caught:
        verify_bundle(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert not message.endswith(".")
    for word in words:
        assert word in message


def edit_manifest(folder: Path, edit: Callable[[dict[str, object]], object]) -> None:
    """Rewrite the manifest after a change to its JSON."""
    path = folder / "manifest.json"
    raw = json.loads(path.read_text())
    edit(raw)
    path.write_text(json.dumps(raw))


def test_round_trip(bundle: Path) -> None:
    """What was written is what is read."""
    assert verify_bundle(bundle) == read_manifest(bundle)
    assert read_manifest(bundle).prompt_formats == MANIFEST.prompt_formats
    assert set(read_manifest(bundle).files) == {"model.onnx", "model.onnx.data", "tokenizer.json", "LICENSE"}


def test_missing_folder(tmp_path: Path) -> None:
    """A folder that is not there is named, with how to see those that are."""
    check_refused(tmp_path / "gone", errors.BundleMissing, "gone", "model list")


def test_folder_is_a_file(tmp_path: Path) -> None:
    """A file is no model folder."""
    (tmp_path / "file").write_text("x")
    check_refused(tmp_path / "file", errors.BundleMissing, "no model folder")


def test_missing_manifest(tmp_path: Path) -> None:
    """A folder without a manifest is no bundle, whatever else it holds."""
    check_refused(tmp_path, errors.BundleMissing, "manifest.json", "model add")


def test_interrupted_export_is_no_bundle(bundle: Path) -> None:
    """The manifest is written last, so a folder without one is never accepted."""
    (bundle / "manifest.json").rename(bundle / ".manifest.json.partial")
    check_refused(bundle, errors.BundleMissing, "manifest.json")


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', "\x00", "[" * 100_000])
def test_manifest_that_is_no_json_object(bundle: Path, text: str) -> None:
    """Anything but a JSON object is refused."""
    (bundle / "manifest.json").write_text(text)
    check_refused(bundle, errors.BundleDamaged, "manifest.json")


def test_manifest_that_is_not_utf8(bundle: Path) -> None:
    """Bytes that are no text are refused."""
    (bundle / "manifest.json").write_bytes(b"\xff\xfe{}")
    check_refused(bundle, errors.BundleDamaged, "JSON")


def test_huge_manifest(bundle: Path) -> None:
    """A manifest has a size limit, so that it cannot fill the memory."""
    (bundle / "manifest.json").write_text(" " * (1 << 20) + "{}")
    check_refused(bundle, errors.BundleDamaged, "larger than")


def test_newer_format(bundle: Path) -> None:
    """A newer format is refused by number, with the way out."""
    edit_manifest(bundle, lambda raw: raw.update(format_version=2))
    check_refused(bundle, errors.BundleTooNew, "format 2", "newer devstral-ls", "upgrade")


@pytest.mark.parametrize(
    "key", ["name", "architecture", "window_tokens", "eos_token_ids", "prompt_formats", "files", "format_version"]
)
def test_missing_field(bundle: Path, key: str) -> None:
    """Each field that is absent is named."""
    edit_manifest(bundle, lambda raw: raw.pop(key))
    check_refused(bundle, errors.BundleDamaged, key, "found nothing")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", ""),
        ("name", 7),
        ("window_tokens", 0),
        ("window_tokens", True),
        ("window_tokens", "1024"),
        ("n_experts", -1),
        ("eos_token_ids", []),
        ("eos_token_ids", ["2"]),
        ("capabilities", [1]),
        ("prompt_formats", {"infill": 3}),
        ("bos_token_id", "1"),
        ("files", []),
        ("log_probabilities", 1),
        ("infill_tokens", 0),
    ],
)
def test_wrong_field(bundle: Path, key: str, value: object) -> None:
    """Each field of the wrong kind is named with its value."""
    edit_manifest(bundle, lambda raw: raw.update({key: value}))
    check_refused(bundle, errors.BundleDamaged, key, repr(value)[:20])


@pytest.mark.parametrize(("told", "expected"), [(None, 1024), (512, 512), (9000, 1024)])
def test_holes_may_want_shorter_prompts(bundle: Path, told: int | None, expected: int) -> None:
    """A model that learnt to fill holes in short texts says so; its window is the most."""
    edit_manifest(bundle, lambda raw: raw.update(window_tokens=1024, infill_tokens=told))
    assert expected == read_manifest(bundle).hole_tokens


def test_model_without_a_start_token(bundle: Path) -> None:
    """Some families have no start token."""
    edit_manifest(bundle, lambda raw: raw.update(bos_token_id=None))
    assert verify_bundle(bundle).bos_token_id is None


def test_missing_file(bundle: Path) -> None:
    """A listed file that is gone is named."""
    (bundle / "model.onnx.data").unlink()
    check_refused(bundle, errors.BundleDamaged, "model.onnx.data", "missing")


def test_truncated_file(bundle: Path) -> None:
    """A short file is told by its size, without reading it."""
    (bundle / "model.onnx.data").write_text("the")
    with pytest.raises(errors.BundleDamaged, match=r"3 bytes, the manifest says 30"):
        inspect_bundle(bundle)


def test_tampered_file(bundle: Path) -> None:
    """A file of the right size and other content is told by its SHA-256."""
    (bundle / "model.onnx").write_text("THE content of model.onnx")
    check_refused(bundle, errors.BundleDamaged, "model.onnx", "SHA-256")


def test_symbolic_link(bundle: Path, tmp_path: Path) -> None:
    """A link could point anywhere on the machine."""
    (bundle / "LICENSE").rename(tmp_path / "elsewhere")
    (bundle / "LICENSE").symlink_to(tmp_path / "elsewhere")
    check_refused(bundle, errors.BundleDamaged, "LICENSE", "symbolic link")


def test_unlisted_symbolic_link(bundle: Path) -> None:
    """A link that no manifest names is refused too."""
    (bundle / "extra.txt").symlink_to("/etc/hostname")
    check_refused(bundle, errors.BundleDamaged, "extra.txt", "symbolic link")


def test_linked_folder(bundle: Path, tmp_path: Path) -> None:
    """A linked model folder is refused with what to give instead."""
    (tmp_path / "link").symlink_to(bundle)
    check_refused(tmp_path / "link", errors.BundleDamaged, "symbolic link")


def test_hard_link(bundle: Path, tmp_path: Path) -> None:
    """A hard-linked file can be changed from another place."""
    os.link(bundle / "model.onnx", tmp_path / "elsewhere")
    check_refused(bundle, errors.BundleDamaged, "model.onnx", "hard-linked 2 times")


def test_hard_link_by_an_installer(bundle: Path, tmp_path: Path) -> None:
    """Installers may hard-link our own package from their cache: allowed there, contents still checked."""
    os.link(bundle / "model.onnx", tmp_path / "elsewhere")
    assert verify_bundle(bundle, installed=True).name == "tiny"


@pytest.mark.parametrize(
    "name", ["../model.onnx", "/etc/passwd", "a/b", "a\\b", "C:model", "", ".hidden", "..", "manifest.json"]
)
def test_name_that_leaves_the_folder(bundle: Path, name: str) -> None:
    """A listed name is one plain component."""
    entry = {"sha256": "0" * 64, "size_bytes": 1}
    edit_manifest(bundle, lambda raw: raw["files"].update({name: entry}))  # type: ignore[attr-defined]  # JSON
    check_refused(bundle, errors.BundleDamaged, repr(name))


@pytest.mark.parametrize("entry", [{}, {"sha256": "xyz", "size_bytes": 1}, {"sha256": "0" * 64, "size_bytes": -1}, 5])
def test_wrong_file_entry(bundle: Path, entry: object) -> None:
    """A file without a hash and a size is no promise."""
    edit_manifest(bundle, lambda raw: raw["files"].update({"LICENSE": entry}))  # type: ignore[attr-defined]  # JSON
    check_refused(bundle, errors.BundleDamaged, "LICENSE")


@pytest.mark.parametrize("name", ["evil.so", "evil.SO", "libx.so.1", "x.dll", "x.dylib", "setup.py"])
def test_code_in_the_folder(bundle: Path, name: str) -> None:
    """Custom operators and other code never lie beside a model."""
    (bundle / name).write_text("x")
    check_refused(bundle, errors.BundleDamaged, name, "code")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "x.pkl", "x.pt", "x.PTH"])
def test_pickle_in_the_folder(bundle: Path, name: str) -> None:
    """Nothing that unpickling could run, listed or not."""
    (bundle / name).write_text("x")
    write_manifest(bundle, MANIFEST)
    check_refused(bundle, errors.BundleDamaged, name, "pickle")


def test_sub_folder(bundle: Path) -> None:
    """A model folder is flat."""
    (bundle / "more").mkdir()
    check_refused(bundle, errors.BundleDamaged, "more", "folder")


def test_missing_graph(bundle: Path) -> None:
    """A manifest without a graph describes no model."""
    edit_manifest(bundle, lambda raw: raw["files"].pop("model.onnx"))  # type: ignore[attr-defined]  # JSON
    check_refused(bundle, errors.BundleDamaged, "model.onnx")
