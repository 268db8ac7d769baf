"""`devstral-ls replay [ID]`: a recorded completion, run again."""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from devstral_ls.cli.choices import open_chosen_engine, settings_of
from devstral_ls.errors import UsageError

if TYPE_CHECKING:  # for start-up: `--help` needs no model runtime
    from devstral_ls.features.replay import Replayed

EXIT_DIFFERENT = 1
N_LISTED = 20


def replay(
    recording_id: Annotated[
        str, typer.Argument(metavar="[ID]", help="Which one; without it, the last are listed.")
    ] = "",
    *,
    forget: Annotated[bool, typer.Option("--forget", help="Delete all recordings.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object for other programs.")] = False,
) -> None:
    """Run a recorded completion again and say whether the model says the same, to the last bit.

    Completions are recorded while the setting `record_prompts` is on, with the text they came from, on this machine.
    The exit code is 0 when they are bit-equal, 1 when not and 2 for bad input.
    """
    from devstral_ls import recordings  # noqa: PLC0415  for start-up

    if forget:
        n_forgotten = recordings.forget(_folder())
        print(f"{n_forgotten} {'recording' if n_forgotten == 1 else 'recordings'} deleted")
    elif not recording_id:
        _list(list(recordings.recorded(_folder()))[-N_LISTED:])
    else:
        _run(recordings.find(_folder(), recording_id), as_json=as_json)


def _folder() -> Path:
    from devstral_ls.folders import data_folder  # noqa: PLC0415  for start-up
    from devstral_ls.recordings import FOLDER_NAME  # noqa: PLC0415  for start-up

    return data_folder() / FOLDER_NAME


def _list(recorded: list[Mapping[str, Any]]) -> None:
    if not recorded:
        print("nothing is recorded; the setting `record_prompts` switches it on")
    for each in recorded:
        print(_in_one_line(each))


def _in_one_line(recording: Mapping[str, Any]) -> str:
    try:
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(recording["at_s"]))
        first = recording["said"][0]["text"].strip().split("\n")[0]
        return f"{recording['id']}  {at}  {recording['place']['path']}  {first}"
    except (KeyError, IndexError, TypeError, AttributeError):
        return f"{recording.get('id', 'one without an id')}  is damaged"


def _run(recording: Mapping[str, Any], *, as_json: bool) -> None:
    from devstral_ls.features.replay import Verdict, replay  # noqa: PLC0415  for start-up

    try:
        wanted = {name: recording[name] for name in ("model", "provider", "n_threads")}
    except KeyError as error:
        raise UsageError(f"this recording is damaged: it does not say {error}") from None
    settings = settings_of(**wanted)
    engine = open_chosen_engine(settings)
    try:
        replayed = replay(recording, engine)
    finally:
        engine.close()
    if as_json:
        print(json.dumps({"verdict": replayed.verdict, **asdict(replayed)}, ensure_ascii=False, indent=2))
    else:
        _show(recording, replayed)
    if replayed.verdict is not Verdict.BIT_EQUAL:
        raise typer.Exit(EXIT_DIFFERENT)


def _show(recording: Mapping[str, Any], replayed: "Replayed") -> None:
    print(f"{recording['id']}: {replayed.verdict}")
    shown = (
        (("then", replayed.then),)
        if replayed.then == replayed.now
        else (("then", replayed.then), ("now", replayed.now))
    )
    for word, said in shown:
        for each in said:
            print(f"\n{word}, mean log-probability {each.mean_logprob:.6f}, {each.finish}:\n{each.text}")
    if recording["cache"] == "adopted" and replayed.then != replayed.now:
        print("\nit went on from an older answer, whose prompt ended earlier")
