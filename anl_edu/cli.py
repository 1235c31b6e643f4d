"""The command line: anl-edu demo | train | record | data | names | doctor.

Only click is imported at the top: help and wrong options are answered at once, and torch is
waited for by those who use it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from anl_edu import __version__

if TYPE_CHECKING:
    from tqdm import tqdm

    from anl_edu.runs import Live

# Examples for the help, so that it needs no torch; tests hold them against the real names.
DATASETS = "digits, cifar10, cifar100"
LOSSES = "ce, mae, gce, nce+rce, anl-ce, anl-fl, ..."
NOISES = "none, symmetric, pair, asymmetric, instance, human-worst, ..."
ALL = " (all: anl-edu names)"


class _Commands(click.Group):
    """Shows what was wrong with the input in a few words and exits with 1, never a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            try:
                return super().invoke(ctx)
            finally:
                _flush()
        except (click.exceptions.Exit, click.Abort, click.ClickException):
            raise
        except BrokenPipeError:
            _close_output()  # whoever read has had enough: no error of ours
            sys.exit(0)
        except (ValueError, TypeError, KeyError, OSError, RuntimeError, MemoryError) as error:
            if ctx.params.get("debug"):
                raise
            said = error.args[0] if isinstance(error, KeyError) and error.args else error
            text = str(said).strip() or type(error).__name__
            raise click.ClickException(f"{text}\n(anl-edu --debug shows where)") from error
        except KeyboardInterrupt:
            click.echo(f"\nInterrupted. {_KEPT.get(ctx.invoked_subcommand or '', '')}".rstrip())
            sys.exit(130)


_KEPT = {
    "record": "The same command goes on after the last finished epoch.",
    "train": "Finished epochs are kept where --checkpoint was given.",
    "data": "What has arrived is kept; the same command fetches the rest.",
}


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="anl-edu")
@click.option("--debug", is_flag=True, help="Show the whole traceback of an error.")
def main(debug: bool) -> None:
    """Robust losses for noisy labels: a demo, training, data and the state of this machine."""


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
    for file in (out, picture):
        if file is not None:
            _require_writable(file)
    import torch

    from anl_edu import data, losses, runs
    from anl_edu import demo as page
    from anl_edu.progress_bar import progress_bar

    torch.set_num_threads(1)  # so small a network gains nothing from a second core
    digits = data.load("digits")
    changes: dict[str, Any] = {} if epochs is None else {"epochs": epochs}
    specs = page.specs(rate, seeds, **changes)
    click.echo(f"{digits.source}; {rate:.0%} symmetric label noise, {seeds} seeds\n")
    made = []
    with progress_bar(total=sum(spec.recipe.epochs for spec in specs), unit="epoch") as bar:
        for live in page.train(specs, digits):
            bar.set_description(f"{losses.label(live.spec.loss)}, seed {live.spec.seed}")
            _watch(live, bar)
            made.append(live.run())
    page.write(made, out)
    drawn = None if picture is None else page.picture(made, picture)
    click.echo("\n" + runs.table(made) + "\n")
    click.echo(page.READING)
    click.echo(f"\nReport: {out}")
    if drawn is not None:
        click.echo(f"Picture: {drawn}")
    if open_it:
        click.launch(out.resolve().as_uri())


def _recipe_options(command: Any) -> Any:
    """Add the options that train and record share."""
    for option in reversed(
        [
            click.option(
                "--scale", default="desk", show_default=True, type=click.Choice(["desk", "paper"])
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
        ]
    ):
        command = option(command)
    return command


@main.command()
@click.option("--dataset", default="digits", show_default=True, help=DATASETS)
@click.option("--loss", default="anl-ce", show_default=True, help=LOSSES + ALL)
@click.option("--noise", default="symmetric", show_default=True, help=NOISES + ALL)
@click.option("--rate", default=0.6, show_default=True, help="Nominal noise rate.")
@click.option("--seed", default=0, show_default=True)
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
    checkpoint: Path | None,
    out: Path,
) -> None:
    """Train one loss under one noise and write the run's record file.

    Fields of the recipe are changed with --set, for instance --set epochs=10 --set lr=0.05
    --set model=cnn4; parameters of the loss with --set loss.alpha=1.
    """
    _require_writable(out / "run.json")
    if checkpoint is not None:
        _require_writable(checkpoint)
    from anl_edu import runs
    from anl_edu.progress_bar import progress_bar
    from anl_edu.training import devices

    spec = runs.RunSpec(dataset, loss, noise, rate, seed, scale, _changes(changes, precision))
    spec.check()
    devices.keep_memory()
    live = runs.start(
        spec, device=device, compile=compiled, checkpoint=checkpoint, track_gradients=True
    )
    runs.require_alike(out, spec, live.describe())
    recipe, done = spec.recipe, len(live.records)
    click.echo(f"data   {live.data.source}")
    click.echo(f"noise  {noise}, realised rate {live.data.wrong.double().mean().item():.4f}")
    click.echo(
        f"recipe {recipe.model}, {recipe.epochs} epochs, lr {recipe.lr}, loss {loss}, "
        f"{str(live.dtype).removeprefix('torch.')} on {live.device}"
    )
    with progress_bar(total=recipe.epochs, initial=done, unit="epoch") as bar:
        _watch(live, bar)
    run = live.run()
    path = runs.write(run, out)
    last = run.last
    click.echo(
        f"last epoch {last.test_accuracy:.4f}, best {run.best:.4f}, "
        f"wrong labels memorised {last.memorised:.4f}"
    )
    if last.train_loss - last.train_loss != 0:  # NaN or infinite
        click.echo(f"The run has diverged: its training loss is {last.train_loss}.")
    click.echo(f"record {path}")


@main.command("record")
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
@click.option("--jobs", default=1, show_default=True, type=click.IntRange(1), help="Processes.")
@click.option(
    "--time-limit",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="Stop cleanly after this long.",
)
@click.option("--out", default="data/runs", show_default=True, type=click.Path(path_type=Path))
def record_command(
    dataset: str,
    names: tuple[str, ...],
    noises: tuple[str, ...],
    seeds: int,
    scale: str,
    changes: tuple[str, ...],
    device: str | None,
    precision: str | None,
    compiled: bool,
    jobs: int,
    time_limit: float | None,
    out: Path,
) -> None:
    """Record a grid of runs; a second call makes only what is missing, from where it stopped.

    Exits with 3 where runs are left to be finished by the same command.
    """
    _require_writable(out / "run.json")
    from anl_edu.runs.grid import grid, record
    from anl_edu.training import devices

    specs = grid(
        dataset,
        names,
        [parse_noise(text) for text in noises],
        range(seeds),
        scale=scale,
        **_changes(changes, precision),
    )
    devices.keep_memory()
    outcome = record(specs, out, jobs=jobs, time_limit=time_limit, device=device, compile=compiled)
    click.echo(
        f"{outcome.written} recorded, {outcome.present} already there, "
        f"{outcome.unfinished} to be finished by the same command"
    )
    if outcome.unfinished:
        sys.exit(3)


@main.group("data")
def data_group() -> None:
    """Fetch, check and find the data sets."""


@data_group.command()
@click.argument("name")
@click.option("--human", is_flag=True, help="Also CIFAR-N's human labels (CC BY-NC 4.0).")
def fetch(name: str, human: bool) -> None:
    """Download a data set (resumed, checksummed) unless it is here, and say what was found."""
    from anl_edu import data

    click.echo(data.load(name).source)
    if human:
        which = "noisy" if name == "cifar100" else "worst"
        labels = data.human_labels(name, which)
        click.echo(f"human labels: {len(labels):,}")


@data_group.command()
@click.argument("name", required=False)
def check(name: str | None) -> None:
    """Read what is present, whole, and say what was found; nothing is downloaded."""
    from anl_edu import data

    broken = False
    for each in [name] if name else data.names():
        try:
            click.echo(f"{each}: {data.load(each, download=False).source}")
        except FileNotFoundError:
            if name:
                raise
            click.echo(f"{each}: not present")
        except (ValueError, OSError) as error:
            if name:
                raise
            broken = True
            click.echo(f"{each}: {error}")
    if broken:
        sys.exit(1)


@data_group.command()
def where() -> None:
    """Say which files are looked for, where, and which are there."""
    from tabulate import tabulate

    from anl_edu import data

    click.echo("looked for in " + ", ".join(str(folder) for folder in data.search_folders()))
    rows = [(file, path or "not present") for file, path in data.where().items()]
    click.echo(tabulate(rows, headers=["file", "found"]))


@main.command("names")
def names_command() -> None:
    """List the names of data sets, losses, noises and models."""
    from anl_edu import data, losses, models, noise

    click.echo(f"data sets  {', '.join(data.names())}")
    click.echo(f"losses     {', '.join(losses.names())}")
    click.echo(f"noises     {', '.join(noise.KINDS)}")
    click.echo(f"models     {', '.join(models.names())}")


@main.command("doctor")
def doctor_command() -> None:
    """Show versions, device and data, and what to do about what is missing."""
    from tabulate import tabulate

    from anl_edu import doctor

    findings = doctor.examine()
    rows = [("ok" if f.ok else "--", f.name, f.found, f.remedy) for f in findings]
    click.echo(tabulate(rows, headers=["", "what", "found", "to do"]))


def parse_noise(text: str) -> tuple[str, float]:
    """Read ``"symmetric:0.6"``; kinds that have no rate of one's choice stand alone."""
    from anl_edu import noise

    name, colon, rate = text.partition(":")
    rated = noise.kind(name).rated
    if rated and not rate:
        raise ValueError(f"{name} noise needs a rate: {name}:0.4, for instance")
    if not rated and colon:
        raise ValueError(f"{name} has a rate of its own: leave {rate!r} out")
    try:
        return name, float(rate) if rated else 0.0
    except ValueError:
        raise ValueError(f"noise {text!r} is not KIND:RATE, for instance symmetric:0.6") from None


def parse_changes(texts: tuple[str, ...]) -> dict[str, Any]:
    """Read ``["epochs=10", "loss.alpha=1"]`` into changes of a recipe."""
    changes: dict[str, Any] = {}
    parameters: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"change {text!r} is not FIELD=VALUE, for instance epochs=10")
        if name in ("dataset", "loss", "scale"):
            raise ValueError(f"{text!r}: use --{name} {value}")
        if name.startswith("loss."):
            parameters[name.removeprefix("loss.")] = _value(value, text)
        else:
            changes[name] = _field(name, value, text)
    return changes | ({"loss_parameters": parameters} if parameters else {})


def _changes(texts: tuple[str, ...], precision: str | None) -> dict[str, Any]:
    return parse_changes(texts) | ({} if precision is None else {"precision": precision})


def _field(name: str, value: str, text: str) -> Any:
    if name in ("model", "schedule", "precision"):
        return value
    if name == "augment":
        return [] if value == "none" else value.split(",")
    if name in ("loss_parameters", "model_options"):
        raise ValueError(f"{text!r}: {name} holds many values; the loss's are set by loss.NAME=...")
    return _value(value, text)


def _value(value: str, text: str) -> bool | float | int | None:
    if value in ("true", "false"):
        return value == "true"
    if value == "none":
        return None
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    raise ValueError(f"{value!r} in {text!r} is not a number, true, false or none")


def _require_writable(file: Path) -> None:
    """Raise now, and not after hours of training, where a file could not be written."""
    target = Path(os.path.realpath(file))
    if target.is_dir():
        raise IsADirectoryError(f"{file} is a folder; name a file in it")
    if target.exists():
        place = target
    else:
        place = next(p for p in target.parents if p.exists())
        if not place.is_dir():
            raise NotADirectoryError(f"{file}: {place} is not a folder")
    if not os.access(place, os.W_OK) or (place.is_dir() and not os.access(place, os.X_OK)):
        raise PermissionError(f"{file} cannot be written: {place} does not allow it")
    if place.is_dir():  # root may be told yes where the system says no (/proc)
        target.parent.mkdir(parents=True, exist_ok=True)


def _watch(live: Live, bar: tqdm) -> None:
    for each in live:
        bar.set_postfix(test=f"{each.test_accuracy:.3f}", memorised=f"{each.memorised:.3f}")
        bar.update()


def _flush() -> None:
    sys.stdout.flush()


def _close_output() -> None:
    # Python would meet the closed pipe once more, and complain, when it flushes at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
