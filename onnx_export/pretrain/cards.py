"""What a reader must know of the embedded model: a model card and the list of what it learnt from."""

import json
import re
import zipfile
from collections import Counter
from typing import Any

from onnx_export.pretrain import corpus, filters
from onnx_export.pretrain.model import Config
from onnx_export.pretrain.sources import HELD_OUT, SHARE_CAP, STDLIB, STDLIB_TESTS, TRAINING, Package
from onnx_export.pretrain.state import State

MAX_HOLDERS = 4
AS_SHIPPED = "embedded"  # the name of its folder, under which benchmarks file what they measured

_LICENCE_FILE = re.compile(r"\.dist-info/(?:licenses/)?(?:LICEN[CS]E|COPYING|NOTICE)[^/]*$", re.IGNORECASE)
_HOLDER = re.compile(r"^[ \t*#]*(Copyright\s+(?:\(c\)|©|\d{4}).{4,90}?)[\s.]*$", re.IGNORECASE | re.MULTILINE)


def model_card(config: Config, training: dict[str, Any], figures: dict[str, Any] | None, precision: str) -> str:
    """The README of the bundle."""
    return f"""\
# The embedded model

A small Mixture-of-Experts decoder that completes Python code in editors, trained from scratch for devstral-ls.
It runs on any CPU, offline, seconds after install.

## What it is

- Architecture: Mixtral (RMSNorm, rotary positions, grouped-query attention, SwiGLU experts, tied embeddings).
- {config.n_layers} layers of width {config.d_model}, {config.n_heads} heads of {config.head_dim} over \
{config.n_kv_heads} key-value heads, {config.n_experts} experts of width {config.d_expert}, \
{config.n_experts_per_token} of them a token.
- Tokenizer: byte-level BPE of {config.vocab_size} tokens, in which a line break and its indentation are one token.
- Window: {config.window_tokens * config.window_stretch} tokens{_stretched(config)}; \
trained on documents of 512 and 2,048 tokens.
- Fill-in-the-middle with the suffix first: \
`<s>[FILE]…signatures…[FILE]path\\n[SUFFIX]suffix[PREFIX]prefix`, then the middle and `</s>`.
- Precision of these weights: {precision}.

## What it learnt from

{training["tokens"] / 1e6:.1f} million tokens, drawn from the standard library of Python and from named releases \
of permissively licensed packages; `DATA.md` lists each with its version, licence and share.
Files with a copyleft notice, vendored, generated and data-like files, and files with keys were left out; \
mail and network addresses were masked; near-duplicates were removed; no source is above {SHARE_CAP:.0%}.
Seven whole packages were kept out, for the figures below: {", ".join(package.name for package in HELD_OUT)}.

## How good it is

{_figures(figures, precision)}
## Limits

- It has seen {training["tokens"] / 1e6:.1f} million tokens, which is very little: \
it knows Python's shape and its commonest idioms.
- It is for Python. It will write other languages badly.
- It may write code that is wrong or insecure: read what you accept.
- It may repeat code it learnt from. To trace a suggestion, search for it in the releases that `DATA.md` names.

## How to make it again

`python -m onnx_export.pretrain corpus`, then `tokenizer`, `pack`, `train` and `export`, as `docs/log.md` tells.

## Licence

Apache-2.0 for the weights (`LICENSE`); the packages it learnt from keep their own, named in `DATA.md`.
"""


def _stretched(config: Config) -> str:
    return "" if config.window_stretch == 1 else f", {config.window_stretch} times what it was trained with, by YaRN"


def data_card(state: State) -> str:
    """Every source with version, licence, kept text and copyright holders."""
    n_bytes = Counter[str]()
    for file in corpus.load(state, corpus.TRAIN_FILE):
        n_bytes[file.source] += len(file.text.encode())
    packages = sorted(_used(state, n_bytes), key=lambda package: package.name)
    rows = "\n".join(_row(state, package, n_bytes[package.name]) for package in packages)
    held_out = "\n".join(f"- {package.name} {package.version}" for package in HELD_OUT)
    return f"""\
# What the embedded model learnt from

{sum(n_bytes.values()) / 1e6:.0f} MB of Python source text from {len(packages)} sources, \
fetched by name and version from the package registry, after filters and de-duplication.
In training, sources above {SHARE_CAP:.0%} of the whole were cut down to that share at random, file by file.
Tests are left out, but for those of the standard library.
Licences are those the metadata declares; each file was also searched for notices of other licences.

| source | version | licence | MB kept | copyright |
|---|---|---|---|---|
{rows}

## Held out

Never trained on, neither the model nor its tokenizer; files that resemble theirs were removed from the sources above:

{held_out}
"""


def _used(state: State, n_bytes: Counter[str]) -> list[Package]:
    stdlib = [Package(name, _card(state, name)["version"]) for name in (STDLIB, STDLIB_TESTS)]
    return [package for package in (*stdlib, *TRAINING) if n_bytes[package.name]]


def _row(state: State, package: Package, n_bytes: int) -> str:
    named = ", ".join(_card(state, package.name)["licences"])
    holders = "; ".join(_holders(state, package)).replace("|", "/")
    return f"| {package.name} | {package.version} | {named} | {n_bytes / 1e6:.2f} | {holders} |"


def _holders(state: State, package: Package) -> list[str]:
    """The copyright lines of a package's licence files."""
    if package.name in (STDLIB, STDLIB_TESTS):
        return ["Copyright (c) 2001 Python Software Foundation"]
    wheel = corpus.wheel_of(state, package)
    assert wheel is not None, package
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if _LICENCE_FILE.search(name)]
        texts = [archive.read(name).decode("utf-8", "replace") for name in names]
    found = [" ".join(line.split()) for text in texts for line in _HOLDER.findall(text)]
    return [filters.mask_personal(line) for line in dict.fromkeys(found)][:MAX_HOLDERS]


def _card(state: State, name: str) -> dict[str, Any]:
    card: dict[str, Any] = json.loads((state.corpus / "cards" / f"{name}.json").read_text())
    return card


def _figures(figures: dict[str, Any] | None, precision: str) -> str:
    """A table of the tasks; the baselines stand below the model, which was measured by precision or as it ships."""
    if figures is None:
        return "Not measured yet.\n"
    ways = dict(figures[precision] if precision in figures else figures[AS_SHIPPED])
    reading = ways.pop("reading")
    writers = {f"this model, {way}": found for way, found in ways.items()} | figures.get("baselines", {})
    tasks = list(next(iter(ways.values())))
    rows = "\n".join(
        f"| {name} | {' | '.join(_share(found.get(task)) for task in tasks)} |" for name, found in writers.items()
    )
    return f"""\
{reading["bits_per_byte"]:.2f} bits a byte on held-out text, \
{reading["bits_per_byte_with_matches"]:.2f} with what the text said before mixed in; \
the first guess for the next token is right {reading["first_guess_right"]:.0%} of the time.
Exact matches on {figures["cases_per_task"]} holes a task:

| | {" | ".join(tasks)} |
|{"---|" * (len(tasks) + 1)}
{rows}
"""


def _share(found: dict[str, float] | None) -> str:
    return "" if found is None else f"{found['exact']:.1%}"
