"""The command line of anl-edu, one function a command.

Only click is imported at the top: help and wrong options are answered at once, and torch is
waited for by those who use it.
"""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from anl_edu import __version__
from anl_edu.arguments import parse_changes, parse_settings
from anl_edu.console import Commands, importing, keeps, require_file, require_folder, say
from anl_edu.report_command import report

if TYPE_CHECKING:
    from tqdm import tqdm

    from anl_edu.runs import Live
    from anl_edu.teach.follow import Follow

# Examples for the help, so that it needs no torch; tests hold them against the real names.
DATASETS = (
    "digits, digit-pairs, scenes, cifar10, cifar100, isic2017, oxford-pets, webvision, clothing1m"
)
LOSSES = "ce, mae, gce, nce+rce, anl-ce, anl-fl, ..."
NOISES = "none, symmetric, pair, asymmetric, instance, human-worst, ..."
ALL = " (all: anl-edu names)"

_SAID_BY_A_GRID_FILE = ("dataset", "names", "noises", "seeds", "scale", "changes", "precision")


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="anl-edu")
@click.option("--debug", is_flag=True, help="Show the whole traceback of an error.")
def main(debug: bool) -> None:
    """Robust losses for noisy labels: a demo, training, data and the state of this machine."""
    with suppress(AttributeError):  # a terminal that lacks a sign shows another in its place
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]


@main.command()
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(1), help="How many.")
@click.option(
    "--rate",
    default=0.6,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Symmetric noise rate.",
)
@click.option("--epochs", type=click.IntRange(1), help="Fewer epochs, for a quick look.")
@click.option(
    "--out", default="build/demo.html", show_default=True, type=click.Path(path_type=Path)
)
@click.option("--open/--no-open", "open_it", default=False, help="Open the report in a browser.")
@click.option("--picture", type=click.Path(path_type=Path), help="Also a PNG of the curves.")
def demo(
    seeds: int, rate: float, epochs: int | None, out: Path, open_it: bool, picture: Path | None
) -> None:
    """Train four losses on digits with wrong labels; print a table, write a report."""
    with importing():
        import torch

        from anl_edu import data, losses, runs
        from anl_edu import demo as page
        from anl_edu.progress_bar import progress_bar

    changes: dict[str, Any] = {} if epochs is None else {"epochs": epochs}
    specs = page.specs(rate, seeds, **changes)
    for file in (out, picture):
        if file is not None:
            require_file(file)
    torch.set_num_threads(1)  # so small a network gains nothing from a second core
    digits = data.load("digits")
    say(f"{digits.source}; {rate:.0%} symmetric label noise, seeds: {seeds}\n")
    made, follow = [], page.followed(specs[0], digits)
    with progress_bar(total=sum(spec.recipe.epochs for spec in specs), unit="epoch") as bar:
        for live in page.train(specs, digits):
            bar.set_description(f"{losses.label(live.spec.loss)}, seed {live.spec.seed}")
            spec = live.spec
            shown = follow if spec.seed == 0 and spec.loss in page.WALL else None
            _watch(live, bar, shown)
            made.append(live.run())
    page.write(made, out, follow)
    say("\n" + runs.table(made) + "\n")
    say(page.READING)
    say(f"\nReport: {out}")
    if picture is not None:
        say(f"Picture: {page.picture(made, picture)}")
    if open_it:
        click.launch(out.resolve().as_uri())


@main.command("playground")
@click.argument("settings", nargs=-1, metavar="[NAME=VALUE]...")
@click.option(
    "--out",
    default="build/playground.html",
    show_default=True,
    type=click.Path(path_type=Path),
)
@click.option("--open/--no-open", "open_it", default=True, help="Open it in a browser.")
def playground_command(settings: tuple[str, ...], out: Path, open_it: bool) -> None:
    """Write the playground, one page that needs no network, and open it.

    Settings say where it begins, as in its address: noise=0.6 loss_1=mae epoch=300.
    """
    from anl_edu import atomic, playground

    text = playground.page(**parse_settings(settings))
    require_file(out)
    with atomic.writing(out) as file:
        file.write(text.encode())
    say(f"Playground: {out}")
    if open_it:
        click.launch(out.resolve().as_uri())


def _recipe_options(command: Any) -> Any:
    """Add the options that train and record share."""
    for option in reversed(
        [
            click.option(
                "--scale",
                default="desk",
                show_default=True,
                type=click.Choice(["desk", "lab", "paper"]),
            ),
            click.option(
                "--set",
                "changes",
                multiple=True,
                metavar="FIELD=VALUE",
                help="Change the recipe: epochs=10, lr=0.05, model=cnn4, loss.alpha=1.",
            ),
            click.option("--device", help="cpu, cuda, mps; chosen when left out."),
            click.option(
                "--precision",
                type=click.Choice(["auto", "float32", "bfloat16", "float16"]),
                help="Of the forward pass; the recipe's when left out. Short for --set precision.",
            ),
            click.option(
                "--compile/--no-compile",
                "compiled",
                default=False,
                help="torch.compile the model.",
            ),
            click.option(
                "--workers",
                type=click.IntRange(0),
                help="Processes a run that read image files; else by cores.",
            ),
        ]
    ):
        command = option(command)
    return command


@main.command()
@click.option("--dataset", default="digits", show_default=True, help=DATASETS)
@click.option("--loss", default="anl-ce", show_default=True, help=LOSSES + ALL)
@click.option("--noise", default="symmetric", show_default=True, help=NOISES + ALL)
@click.option("--rate", default=0.6, show_default=True, help="Nominal noise rate.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**32 - 1))
@_recipe_options
@click.option("--checkpoint", type=click.Path(path_type=Path), help="Resume from, and save to.")
@click.option("--out", default="build/runs", show_default=True, type=click.Path(path_type=Path))
def train(
    dataset: str,
    loss: str,
    noise: str,
    rate: float,
    seed: int,
    scale: str,
    changes: tuple[str, ...],
    device: str | None,
    precision: str | None,
    compiled: bool,
    workers: int | None,
    checkpoint: Path | None,
    out: Path,
) -> None:
    """Train one loss under one noise and write the run's record file.

    Fields of the recipe are changed with --set, for instance --set epochs=10 --set lr=0.05
    --set model=cnn4; parameters of the loss with --set loss.alpha=1. On several devices:
    torchrun --nproc-per-node 2 -m anl_edu train ...; the same run, its batches divided.
    """
    with importing():
        from anl_edu import runs
        from anl_edu.training import devices, joined

    changed = parse_changes(changes, precision)
    spec = runs.RunSpec(dataset, loss, noise, rate, seed, scale, changed)
    spec.check()
    devices.device(device)
    require_folder(out)
    if checkpoint is None:
        keeps("Nothing is kept without --checkpoint.")
    else:
        require_file(checkpoint)
        keeps(f"Finished epochs are kept in {checkpoint}: the same command goes on from there.")
    devices.keep_memory()
    with joined(device):
        live = runs.start(
            spec,
            device=device,
            compile=compiled,
            checkpoint=checkpoint,
            track_gradients=True,
            workers=workers,
        )
        runs.require_alike(out, spec, live.describe())
        if live.processes.main:
            _train(live, out)
        else:
            for _ in live:
                pass


def _train(live: Live, out: Path) -> None:
    """Train a run to its end under a bar, write its record and say what came out."""
    from anl_edu import runs
    from anl_edu.progress_bar import progress_bar

    recipe, done = live.spec.recipe, len(live.records)
    say(f"data   {live.data.source}")
    wrong = live.data.wrong.double().mean().item()
    realised = "" if live.data.y_clean is None else f", realised rate {wrong:.4f}"
    say(f"noise  {live.spec.noise}{realised}")
    say(
        f"recipe {recipe.model}, {recipe.epochs} epochs, lr {recipe.lr:g}, loss {recipe.loss}, "
        f"{str(live.dtype).removeprefix('torch.')} on {live.device}"
    )
    with progress_bar(total=recipe.epochs, initial=done, unit="epoch") as bar:
        _watch(live, bar)
    run = live.run()
    path = runs.write(run, out)
    last = run.last
    say(
        f"last epoch {_share(last.test_accuracy)}, best {_share(run.best)}, "
        f"wrong labels memorised {_share(last.memorised)}"
    )
    if not math.isfinite(last.train_loss):
        say(f"The run has diverged: its training loss is {last.train_loss}.")
    say(f"record {path}")


@main.command("record")
@click.argument("grid_file", required=False, type=click.Path(path_type=Path))
@click.option("--dataset", default="cifar10", show_default=True, help=DATASETS)
@click.option(
    "--loss",
    "names",
    multiple=True,
    default=("ce", "mae", "nce+rce", "anl-ce"),
    show_default=True,
    help=LOSSES + ALL,
)
@click.option(
    "--noise",
    "noises",
    multiple=True,
    default=("symmetric:0.6",),
    show_default=True,
    metavar="KIND:RATE",
    help=NOISES + ALL,
)
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(1))
@_recipe_options
@click.option("--jobs", type=click.IntRange(1), help="Processes on this machine; 1 if left out.")
@click.option(
    "--scheduler", metavar="ADDRESS", help="A Dask scheduler to use instead: tcp://host:8786."
)
@click.option("--threads", type=click.IntRange(1), help="Threads a run.")
@click.option(
    "--resource",
    "resources",
    multiple=True,
    type=(str, float),
    metavar="NAME AMOUNT",
    help="What a run needs of a Dask worker: GPU 1.",
)
@click.option(
    "--time-limit",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="Stop cleanly after this long.",
)
@click.option("--out", default="data/runs", show_default=True, type=click.Path(path_type=Path))
@click.pass_context
def record_command(
    context: click.Context,
    grid_file: Path | None,
    dataset: str,
    names: tuple[str, ...],
    noises: tuple[str, ...],
    seeds: int,
    scale: str,
    changes: tuple[str, ...],
    device: str | None,
    precision: str | None,
    compiled: bool,
    workers: int | None,
    jobs: int | None,
    scheduler: str | None,
    threads: int | None,
    resources: tuple[tuple[str, float], ...],
    time_limit: float | None,
    out: Path,
) -> None:
    """Record a grid of runs; a second call makes only what is missing, from where it stopped.

    The grid is what the options say, or what a TOML file says: see data/grids for some. Exits with
    3 where runs are left to be finished by the same command, with 1 where one failed.
    """
    with importing():
        from anl_edu import noise
        from anl_edu.runs.grid import grid, load
        from anl_edu.runs.recording import record

    if grid_file is None:
        kinds = [noise.parse(text) for text in noises]
        changed = parse_changes(changes, precision)
        specs = grid(dataset, names, kinds, range(seeds), scale=scale, **changed)
    else:
        _require_left_out(context, _SAID_BY_A_GRID_FILE)
        specs = load(grid_file)
    require_folder(out)
    keeps("The same command goes on after the last finished epoch.")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "a run failed", RuntimeWarning)  # said below
        outcome = record(
            specs,
            out,
            jobs=jobs,
            scheduler=scheduler,
            threads=threads,
            resources=dict(resources),
            time_limit=time_limit,
            device=device,
            compile=compiled,
            workers=workers,
        )
    say(
        f"{outcome.written} recorded, {outcome.present} already there, "
        f"{outcome.unfinished} to be finished by the same command"
    )
    if outcome.failed:
        said = "\n".join(f"  {failure}" for failure in outcome.failed)
        raise RuntimeError(f"{len(outcome.failed)} failed:\n{said}")
    if outcome.unfinished:
        sys.exit(3)


def _require_left_out(context: click.Context, names: Sequence[str]) -> None:
    """Raise where an option is given that a grid file says already."""
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if parameter.name in names and source == click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{parameter.opts[0]}: the grid file says that")


@main.command("pack")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
def pack_command(folder: Path) -> None:
    """Gather a folder's run files into one archive a data set, scale and noise."""
    with importing():
        from anl_edu import runs

    for archive in runs.pack(folder):
        say(f"{archive}: {archive.stat().st_size:,} bytes")


main.add_command(report)


@main.group("data")
def data_group() -> None:
    """Fetch, check and find the data sets."""


@data_group.command()
@click.argument("name")
@click.option("--human", is_flag=True, help="Also CIFAR-N's human labels (CC BY-NC 4.0).")
def fetch(name: str, human: bool) -> None:
    """Download a data set (resumed, checksummed) unless it is here, and say what was found."""
    with importing():
        from anl_edu import data

    keeps("What has arrived is kept; the same command fetches the rest.")
    say(data.load(name).source)
    if human:
        which = "noisy" if name == "cifar100" else "worst"
        labels = data.human_labels(name, which)
        say(f"human labels: {len(labels):,}")


@data_group.command()
@click.argument("name", required=False)
def check(name: str | None) -> None:
    """Read what is present, whole, and say what was found; nothing is downloaded."""
    with importing():
        from anl_edu import data

    broken = False
    for each in [name] if name else data.names():
        try:
            say(f"{each}: {data.load(each, download=False).source}")
        except FileNotFoundError:
            if name:
                raise
            say(f"{each}: not present")
        except (ValueError, OSError) as error:
            if name:
                raise
            broken = True
            say(f"{each}: {error}")
    if broken:
        sys.exit(1)


@data_group.command()
def where() -> None:
    """Say which files are looked for, where, and which are there."""
    with importing():
        from tabulate import tabulate

        from anl_edu import data

    say("looked for in " + ", ".join(str(folder) for folder in data.search_folders()))
    rows = [(file, path or "not present") for file, path in data.where().items()]
    say(tabulate(rows, headers=["file", "found"]))


@main.command("names")
def names_command() -> None:
    """List the names of data sets, losses, noises and models."""
    with importing():
        from anl_edu import data, losses, models, noise

    say(f"data sets  {', '.join(data.names())}")
    say(f"losses     {', '.join(losses.names())}")
    say(f"of masks   {', '.join(losses.mask_names())}")
    say(f"noises     {', '.join(noise.KINDS)}")
    say(f"models     {', '.join(models.names())}")


@main.command("doctor")
def doctor_command() -> None:
    """Show versions, device and data, and what to do about what is missing."""
    with importing():
        from tabulate import tabulate

        from anl_edu import doctor

    findings = doctor.examine()
    rows = [("ok" if f.ok else "--", f.name, f.found, f.remedy) for f in findings]
    say(tabulate(rows, headers=["", "what", "found", "to do"]))


def _watch(live: Live, bar: tqdm, follow: Follow | None = None) -> None:
    if follow is not None:
        follow.look(live.spec.loss, live)
    with warnings.catch_warnings():
        # a run that diverges says so at every epoch; one word at the end is enough here
        warnings.filterwarnings("ignore", "the training loss of epoch", RuntimeWarning)
        for each in live:
            shown = {"test": each.test_accuracy, "memorised": each.memorised}
            bar.set_postfix_str(", ".join(f"{k} {_share(v, 3)}" for k, v in shown.items()))
            bar.update()
            if follow is not None:
                follow.look(live.spec.loss, live)


def _share(value: float, digits: int = 4) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


if __name__ == "__main__":
    main()
