"""`python -m onnx_export.pretrain STAGE`: make the embedded model, one resumable stage at a time."""

import argparse
import json
import logging
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from devstral_ls.errors import DevstralError
from onnx_export.pretrain import bundle, corpus, curve, evaluate, finetune, pack, rounding, tokenizer, train
from onnx_export.pretrain.schedule import moment
from onnx_export.pretrain.state import DEFAULT_ROOT, State

log = logging.getLogger(__name__)

TOKENIZER_SAMPLE_CHARS = 24_000_000
EMBEDDED = Path(__file__).parents[2] / "devstral_ls" / "embedded"


def main() -> None:
    """Run the stage that the command line names."""
    arguments = _parser().parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    try:
        arguments.run_stage(State(arguments.state.expanduser()), arguments)
    except DevstralError as error:
        sys.exit(f"error: {error}")


def build_corpus(state: State, _arguments: argparse.Namespace) -> None:
    """Fetch the named releases, filter them, drop what repeats."""
    corpus.build(state)


def learn_tokenizer(state: State, _arguments: argparse.Namespace) -> None:
    """Learn the tokenizer; an existing one is kept, for the weights depend on it."""
    if state.tokenizer.exists():
        log.info("kept %s", state.tokenizer)
        return
    rng = random.Random(0)
    files = pack.capped(corpus.load(state, corpus.TRAIN_FILE), rng)
    rng.shuffle(files)
    texts = pack.first_chars(files, TOKENIZER_SAMPLE_CHARS)
    tokenizer.train(texts).save(str(state.tokenizer))


def pack_rows(state: State, arguments: argparse.Namespace) -> None:
    """Draw documents and pack them into the rows that training reads."""
    max_tokens = arguments.million_tokens * 1_000_000
    pack.pack(state, epoch=arguments.epoch, max_tokens=max_tokens, long_share=arguments.long_share)


def train_model(state: State, arguments: argparse.Namespace) -> None:
    """Begin or continue a run."""
    if arguments.decay_steps and arguments.max_steps is None:
        sys.exit("error: --decay-steps are the last of --max-steps; name these too")
    train.restart_with_malloc_settings()
    plan = train.Plan(
        run=arguments.run or arguments.preset,
        preset=arguments.preset,
        finish_at_s=_finish_at_s(arguments),
        decay_minutes=arguments.decay_minutes,
        max_steps=arguments.max_steps,
        decay_steps=arguments.decay_steps,
        threads=arguments.threads,
        start_from=arguments.start_from,
        epoch=arguments.epoch,
        peak_rate=arguments.peak_rate,
        batch_tokens=arguments.batch_tokens,
        micro_tokens=arguments.micro_tokens,
        device=arguments.device,
        is_half=arguments.half,
        round_to_bits=arguments.round_to_bits,
        save_every_s=arguments.save_every_s,
    )
    train.train(state, plan)


def _finish_at_s(arguments: argparse.Namespace) -> float | None:
    if arguments.minutes is not None:
        return time.time() + 60 * arguments.minutes
    return None if arguments.finish_by is None else moment(arguments.finish_by)


def decay_run(state: State, arguments: argparse.Namespace) -> None:
    """Tell a running trainer when it must have finished."""
    train.ask_to_decay(state, arguments.run, arguments.finish_by)


def snapshot_run(state: State, arguments: argparse.Namespace) -> None:
    """Write a checkpoint folder of a run that is still going."""
    train.publish_average(state, arguments.run, arguments.folder)


def evaluate_checkpoint(state: State, arguments: argparse.Namespace) -> None:
    """Measure a checkpoint folder on the held-out packages."""
    for name, figure in evaluate.evaluate(state, arguments.folder).items():
        log.info("%-30s %.4f", name, figure)


def finetune_model(_state: State, arguments: argparse.Namespace) -> None:
    """Adapt the embedded model to your own code and add it to your models."""
    train.restart_with_malloc_settings()
    name = arguments.name or finetune.default_name(arguments.repositories)
    request = finetune.Request(
        tuple(arguments.repositories), arguments.start_from, arguments.passes, name, arguments.threads
    )
    if arguments.out is None:
        finetune.require_free_name(name)
    with tempfile.TemporaryDirectory() as folder:
        out_dir = arguments.out or Path(folder) / name
        outcome = finetune.finetune(request, out_dir)
        if arguments.out is None and not outcome.is_better:
            sys.exit("it is not better on the held-out files, so it was not added; name more code or more --passes")
        if arguments.out is None:
            finetune.add_to_models(out_dir, name)
            log.info("added; `devstral-ls model use %s` makes it the one in use", name)


def export_bundle(state: State, arguments: argparse.Namespace) -> None:
    """Make the bundle that ships from a checkpoint folder."""
    bundle.export(
        state,
        arguments.folder,
        arguments.out,
        precision=arguments.precision,
        figures=arguments.figures,
        ladder=_ladder(arguments.ladder),
        project_ladder=_ladder(arguments.project_ladder),
        window_stretch=arguments.window_stretch,
        infill_tokens=arguments.infill_tokens,
    )
    log.info("made %s", arguments.out)


def _share(text: str) -> float:
    share = float(text)
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError(f"{text} leaves no rows of one length: give a share between 0 and 1")
    return share


def _ladder(text: str) -> bundle.Ladder:
    return tuple((int(length), float(weight)) for length, weight in json.loads(text))


def plot_run(state: State, arguments: argparse.Namespace) -> None:
    """Draw the loss of a run."""
    curve.plot(state, arguments.run, arguments.out)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m onnx_export.pretrain", description=__doc__)
    parser.add_argument("--state", type=Path, default=DEFAULT_ROOT, help="where everything is kept (%(default)s)")
    stages = parser.add_subparsers(required=True, metavar="STAGE")

    def stage(name: str, run: Callable[[State, argparse.Namespace], None]) -> argparse.ArgumentParser:
        added = stages.add_parser(name, help=run.__doc__, description=run.__doc__)
        added.set_defaults(run_stage=run)
        return added

    stage("corpus", build_corpus)
    stage("tokenizer", learn_tokenizer)
    packing = stage("pack", pack_rows)
    packing.add_argument("--epoch", type=int, default=0, help="seed and number of the rows")
    packing.add_argument("--million-tokens", type=int, default=16)
    packing.add_argument("--long-share", type=_share, default=pack.LONG_SHARE, help="of the tokens in long rows")
    _add_training_arguments(stage("train", train_model))
    decaying = stage("decay", decay_run)
    decaying.add_argument("--run", default="S")
    decaying.add_argument("--finish-by", metavar="HH:MM", required=True)
    taking = stage("snapshot", snapshot_run)
    taking.add_argument("folder", type=Path)
    taking.add_argument("--run", default="S")
    evaluating = stage("evaluate", evaluate_checkpoint)
    evaluating.add_argument("folder", type=Path)
    tuning = stage("finetune", finetune_model)
    tuning.add_argument("repositories", type=Path, nargs="+", metavar="REPO")
    tuning.add_argument("--from", dest="start_from", type=Path, default=EMBEDDED, metavar="BUNDLE", help="(embedded)")
    tuning.add_argument("--passes", type=float, default=4.0, help="over the code (%(default)s)")
    tuning.add_argument("--name", help="(embedded-REPO)")
    tuning.add_argument("--out", type=Path, help="write the bundle there and add nothing")
    tuning.add_argument("--threads", type=int, default=1)
    exporting = stage("export", export_bundle)
    exporting.add_argument("folder", type=Path)
    exporting.add_argument("out", type=Path)
    exporting.add_argument("--precision", default="int8", help="fp32, int8 or int4")
    exporting.add_argument("--figures", type=Path, help="a result of benchmarks/embedded_model, for the model card")
    exporting.add_argument("--ladder", default="[]", help="what benchmarks/embedded_model/tune_ladder.py printed first")
    exporting.add_argument("--project-ladder", default="[]", help="what it printed last")
    exporting.add_argument("--window-stretch", type=int, default=1, help="how many trained windows it may read (YaRN)")
    exporting.add_argument("--infill-tokens", type=int, help="how long a prompt with a hole should be (the window)")
    plotting = stage("plot", plot_run)
    plotting.add_argument("out", type=Path)
    plotting.add_argument("--run", default="S")
    return parser


def _add_training_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--preset", default="S", help="tiny, XS, S, A or M1")
    parser.add_argument("--run", help="name of the run (the preset's)")
    ending = parser.add_mutually_exclusive_group()
    ending.add_argument("--finish-by", metavar="HH:MM", help="when the decay must have ended")
    ending.add_argument("--minutes", type=float, help="how long this call may take, decay included")
    parser.add_argument("--decay-minutes", type=float, default=20.0)
    parser.add_argument("--max-steps", type=int, help="of this run, those of the weights it began with not counted")
    parser.add_argument("--decay-steps", type=int, default=0, help="the last of --max-steps, instead of the clock")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--from", dest="start_from", type=Path, metavar="FOLDER", help="a bundle or a checkpoint")
    parser.add_argument("--epoch", type=int, default=0, help="the packed rows that a new run begins with")
    parser.add_argument("--peak-rate", type=float, help="(the preset's)")
    parser.add_argument("--batch-tokens", type=int, help="(by the age of the run)")
    parser.add_argument("--micro-tokens", type=int, help="what goes through the model at once (the batch)")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--half", action="store_true", help="products in bfloat16: for GPUs")
    rounding_help = "take gradients at weights rounded to so many bits: the last steps before such an export"
    parser.add_argument("--round-to-bits", type=int, choices=rounding.BITS, help=rounding_help)
    parser.add_argument("--save-every-s", type=int, default=240)


if __name__ == "__main__":
    main()
