"""A user's models: added, listed, chosen, removed, and never taken when something is wrong with them."""

import json
from pathlib import Path

import pytest
from tiny_manifest import MANIFEST

from devstral_ls.engine.bundles import BundleStore, is_bundle
from devstral_ls.engine.manifest import write_manifest
from devstral_ls.errors import BundleDamaged, BundleMissing, UsageError
from devstral_ls.folders import data_folder


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "made"
    folder.mkdir()
    for name in ("model.onnx", "tokenizer.json"):
        (folder / name).write_text(name)
    write_manifest(folder, MANIFEST)
    return folder


@pytest.fixture
def store(tmp_path: Path) -> BundleStore:
    return BundleStore(tmp_path / "data" / "models")


def test_empty_store(store: BundleStore) -> None:
    """A user without models has none, and nothing is created by looking."""
    assert [] == store.list()
    assert store.default() is None
    assert not store.folder.exists()


def test_add_and_list(store: BundleStore, bundle: Path) -> None:
    """An added model is listed under the name in its manifest."""
    store.add_bundle(bundle)
    assert ["tiny"] == [entry.name for entry in store.list()]
    assert store.verify("tiny").architecture == "mixtral"


def test_add_under_another_name(store: BundleStore, bundle: Path) -> None:
    """The user's name for a model wins."""
    assert "mine" == store.add_bundle(bundle, "mine").name


def test_add_twice(store: BundleStore, bundle: Path) -> None:
    """A name is taken once; the message says how to go on."""
    store.add_bundle(bundle)
    with pytest.raises(UsageError, match=r"'tiny' is there already; remove it"):
        store.add_bundle(bundle)


def test_damaged_model_is_not_added(store: BundleStore, bundle: Path) -> None:
    """What does not verify never enters the store."""
    (bundle / "model.onnx").write_text("MODEL.onnx")
    with pytest.raises(BundleDamaged):
        store.add_bundle(bundle)
    assert [] == store.list()


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "/tmp", ".x", "a b", "x.partial", "x" * 65])
def test_name_that_is_no_name(store: BundleStore, bundle: Path, name: str) -> None:
    """A name never leaves the store."""
    with pytest.raises(UsageError if name else BundleMissing):
        store.add_bundle(bundle, name) if name else store.find("tiny")


def test_use_and_remove(store: BundleStore, bundle: Path) -> None:
    """Removing the default model brings back the embedded one."""
    store.add_bundle(bundle)
    store.use("tiny")
    assert "tiny" == store.default()
    store.remove("tiny")
    assert store.default() is None
    assert [] == store.list()


def test_use_the_embedded_model_again(store: BundleStore, bundle: Path) -> None:
    """The choice can be taken back."""
    store.add_bundle(bundle)
    store.use("tiny")
    store.use_embedded()
    assert store.default() is None


def test_use_what_is_not_there(store: BundleStore, bundle: Path) -> None:
    """An unknown name is answered with the known ones."""
    store.add_bundle(bundle)
    with pytest.raises(BundleMissing, match=r"no model named 'huge'; there are tiny"):
        store.use("huge")


@pytest.mark.parametrize("text", ["", "[]", '{"model": 3}', '{"model": "gone"}', '{"model": "../made"}'])
def test_damaged_choice_is_no_choice(store: BundleStore, bundle: Path, text: str) -> None:
    """A choice that cannot be read, or that names nothing here, means the embedded model."""
    store.add_bundle(bundle)
    (store.folder / "default.json").write_text(text)
    assert store.default() is None


def test_listing_shows_what_is_broken(store: BundleStore, bundle: Path) -> None:
    """A broken entry is listed with its problem, and the others still are."""
    store.add_bundle(bundle)
    (store.folder / "broken").mkdir()
    (store.folder / "half.partial").mkdir()
    entries = {entry.name: entry for entry in store.list()}
    assert {"tiny", "broken"} == set(entries)
    assert "manifest.json" in entries["broken"].problem


def test_failed_export_adds_nothing(store: BundleStore, tmp_path: Path) -> None:
    """The exporter's refusal is passed on, and the store stays as it was."""
    (tmp_path / "checkpoint").mkdir()
    with pytest.raises(UsageError, match=r"checkpoint was not added"):
        store.add_checkpoint(tmp_path / "checkpoint")
    assert [] == store.list()


def test_checkpoint_is_no_bundle(bundle: Path, tmp_path: Path) -> None:
    """The manifest tells a model folder from a checkpoint."""
    assert is_bundle(bundle)
    (tmp_path / "config.json").write_text(json.dumps({}))
    assert not is_bundle(tmp_path)


def test_data_folder_can_be_chosen() -> None:
    """One variable moves everything."""
    assert Path("/elsewhere") == data_folder({"DEVSTRAL_LS_DATA": "/elsewhere"})
