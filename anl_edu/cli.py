"""The command line: anl-edu demo | train | record | data | doctor."""

from __future__ import annotations

import sys
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import torch
from tabulate import tabulate
from tqdm import tqdm

from anl_edu import __version__, data, doctor, losses, record, report, runs
from anl_edu.figures import label_of
from anl_edu.train import EpochRecord, load_records

_NOISES = "none, symmetric, pair, asymmetric, instance, human-worst, human-aggregate, ..."


class _Commands(click.Group):
    """Shows what was wrong with the input in one line and exits with 1, never a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (ValueError, TypeError, KeyError, OSError, RuntimeError) as error:
            if ctx.params.get("debug"):
                raise
            text = str(error) or type(error).__name__
            raise click.ClickException(" ".join(text.split())) from error
        except KeyboardInterrupt:
            kept = (
                "The same command goes on after the last finished epoch."
                if ctx.invoked_subcommand == "record"
                else "Finished epochs are kept where --checkpoint was given."
            )
            click.echo(f"\nInterrupted. {kept}")
            sys.exit(130)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="anl-edu")
@click.option("--debug", is_flag=True, help="Show the whole traceback of an error.")
def main(debug: bool) -> None:
    """Robust losses for noisy labels: a demo, training, data and the state of this machine."""


@main.command()
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(1), help="How many.")
@click.option("--rate", default=0.6, show_default=True, help="Symmetric noise rate.")
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
    torch.set_num_threads(1)  # so small a network gains nothing from a second core
    digits = data.load("digits")
    changes: dict[str, Any] = {} if epochs is None else {"epochs": epochs}
    specs = record.grid("digits", report.LOSSES, [("symmetric", rate)], range(seeds), **changes)
    click.echo(f"{digits.source}; {rate:.0%} symmetric label noise, {seeds} seeds\n")
    made = []
    with tqdm(total=sum(spec.recipe.epochs for spec in specs), unit="epoch") as bar:
        for spec in specs:
            bar.set_description(f"{label_of(spec.loss)}, seed {spec.seed}")
            ready = runs.prepare(spec, digits)
            live = runs.start(spec, ready, corrupted=True, track_gradients=True)
            made.append(runs.describe(spec, ready, _ticking(live, bar)))
    click.echo("\n" + report.table(made, "github") + "\n")
    click.echo(report.READING)
    report.write(made, out)
    click.echo(f"\nReport: {out}")
    if picture is not None:
        click.echo(f"Picture: {report.picture(made, picture)}")
    if open_it:
        webbrowser.open(out.resolve().as_uri())


@main.command()
@click.option("--dataset", default="digits", show_default=True, help=", ".join(data.names()))
@click.option("--loss", default="anl-ce", show_default=True, help=", ".join(losses.names()))
@click.option("--noise", default="symmetric", show_default=True, help=_NOISES)
@click.option("--rate", default=0.6, show_default=True, help="Nominal noise rate.")
@click.option("--seed", default=0, show_default=True)
@click.option("--scale", default="desk", show_default=True, type=click.Choice(["desk", "paper"]))
@click.option("--set", "changes", multiple=True, metavar="FIELD=VALUE", help="Change the recipe.")
@click.option("--checkpoint", type=click.Path(path_type=Path), help="Resume from, and save to.")
@click.option("--device", help="cpu, cuda, mps; chosen when left out.")
@click.option("--precision", default="auto", show_default=True)
@click.option("--compile/--no-compile", "compiled", default=False, help="torch.compile the model.")
@click.option("--out", default="build/runs", show_default=True, type=click.Path(path_type=Path))
def train(
    dataset: str,
    loss: str,
    noise: str,
    rate: float,
    seed: int,
    scale: str,
    changes: tuple[str, ...],
    checkpoint: Path | None,
    device: str | None,
    precision: str,
    compiled: bool,
    out: Path,
) -> None:
    """Train one loss under one noise and write the run's record file.

    Fields of the recipe are changed with --set, for instance --set epochs=10 --set lr=0.05
    --set model=cnn4; parameters of the loss with --set loss.alpha=1.
    """
    spec = runs.RunSpec(dataset, loss, noise, rate, seed, scale, record.parse_changes(changes))
    recipe = spec.recipe
    ready = runs.prepare(spec)
    click.echo(f"data   {ready.source}")
    click.echo(f"noise  {noise}, realised rate {ready.wrong.double().mean().item():.4f}")
    click.echo(f"recipe {recipe.model}, {recipe.epochs} epochs, lr {recipe.lr}, loss {loss}")
    live = runs.start(
        spec,
        ready,
        corrupted=True,
        checkpoint=checkpoint,
        device=device,
        precision=precision,
        compile=compiled,
        track_gradients=True,
    )
    resumed = checkpoint is not None and checkpoint.exists()
    records = load_records(checkpoint) if checkpoint and resumed else []
    with tqdm(total=recipe.epochs, initial=len(records), unit="epoch") as bar:
        records += _ticking(live, bar)
    run = runs.describe(spec, ready, records, device, precision)
    last = run.last
    click.echo(
        f"last epoch {last.test_accuracy:.4f}, best {run.best:.4f}, "
        f"wrong labels memorised {last.memorised:.4f}"
    )
    click.echo(f"record {runs.write(run, out)}")


@main.command("record")
@click.option("--dataset", default="cifar10", show_default=True)
@click.option("--loss", "names", multiple=True, default=("ce", "mae", "nce+rce", "anl-ce"))
@click.option("--noise", "noises", multiple=True, default=("symmetric:0.6",), metavar="KIND:RATE")
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(1))
@click.option("--scale", default="desk", show_default=True, type=click.Choice(["desk", "paper"]))
@click.option("--set", "changes", multiple=True, metavar="FIELD=VALUE", help="Change the recipe.")
@click.option("--jobs", default=1, show_default=True, type=click.IntRange(1), help="Processes.")
@click.option("--time-limit", type=float, metavar="SECONDS", help="Stop cleanly after this long.")
@click.option("--device", help="cpu, cuda, mps; chosen when left out.")
@click.option("--precision", default="auto", show_default=True)
@click.option("--compile/--no-compile", "compiled", default=False, help="torch.compile the model.")
@click.option("--out", default="data/runs", show_default=True, type=click.Path(path_type=Path))
def record_command(
    dataset: str,
    names: tuple[str, ...],
    noises: tuple[str, ...],
    seeds: int,
    scale: str,
    changes: tuple[str, ...],
    jobs: int,
    time_limit: float | None,
    device: str | None,
    precision: str,
    compiled: bool,
    out: Path,
) -> None:
    """Record a grid of runs; a second call makes only what is missing, from where it stopped."""
    grid = record.grid(
        dataset,
        names,
        [record.parse_noise(text) for text in noises],
        range(seeds),
        scale=scale,
        **record.parse_changes(changes),
    )
    outcome = record.record(
        grid,
        out,
        jobs=jobs,
        time_limit=time_limit,
        device=device,
        precision=precision,
        compile=compiled,
    )
    click.echo(
        f"{outcome.written} recorded, {outcome.present} already there, "
        f"{outcome.unfinished} to be finished by the same command"
    )


@main.group("data")
def data_group() -> None:
    """Fetch, check and find the data sets."""


@data_group.command()
@click.argument("name")
@click.option("--human", is_flag=True, help="Also CIFAR-N's human labels (CC BY-NC 4.0).")
def fetch(name: str, human: bool) -> None:
    """Download a data set (resumed, checksummed) unless it is here, and say what was found."""
    click.echo(data.load(name).source)
    if human:
        which = "noisy" if name == "cifar100" else "worst"
        labels = data.human_labels(name, which)
        click.echo(f"human labels: {len(labels):,}")


@data_group.command()
@click.argument("name", required=False)
def check(name: str | None) -> None:
    """Read what is present, whole, and say what was found; nothing is downloaded."""
    for each in [name] if name else data.names():
        try:
            click.echo(f"{each}: {data.load(each, download=False).source}")
        except FileNotFoundError:
            if name:
                raise
            click.echo(f"{each}: not present")


@data_group.command()
def where() -> None:
    """Say which files are looked for, where, and which are there."""
    click.echo("looked for in " + ", ".join(str(folder) for folder in data.search_folders()))
    rows = [(file, path or "not present") for file, path in data.where().items()]
    click.echo(tabulate(rows, headers=["file", "found"]))


@main.command("doctor")
def doctor_command() -> None:
    """Show versions, device and data, and what to do about what is missing."""
    findings = doctor.examine()
    rows = [("ok" if f.ok else "--", f.name, f.found, f.remedy) for f in findings]
    click.echo(tabulate(rows, headers=["", "what", "found", "to do"]))


def _ticking(live: Iterator[EpochRecord], bar: tqdm) -> Iterator[EpochRecord]:
    for each in live:
        bar.set_postfix(test=f"{each.test_accuracy:.3f}", memorised=f"{each.memorised:.3f}")
        bar.update()
        yield each


if __name__ == "__main__":
    main()
