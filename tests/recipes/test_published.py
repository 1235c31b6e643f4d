"""Published accuracies: whole, named as the package names things, and traced to who made them."""

from collections import Counter

import pytest

from anl_edu import losses, noise, recipes
from anl_edu.recipes.reference import LOSSES

ROWS = recipes.published()


def test_names_are_those_of_the_package() -> None:
    methods = {losses.label(name) for name in losses.names()} | {"NLNL"}  # NLNL is no loss of ours
    assert {row["dataset"] for row in ROWS} <= set(LOSSES) | {"animal10n"}
    assert {row["noise"] for row in ROWS} <= set(noise.KINDS) | {"real"}
    assert {row["method"] for row in ROWS} <= methods


def test_noise_and_data_set_belong_together() -> None:
    for row in ROWS:
        if row["noise"] in noise.KINDS:
            noise.check(row["noise"], row["rate"], row["dataset"])
        else:
            assert row["noise"] == "real"
        rated = row["noise"] in noise.KINDS and noise.kind(row["noise"]).rated
        assert rated == (row["rate"] > 0)
        assert 1 / 100 < row["accuracy_percent"] / 100 < 1


def test_no_source_gives_a_number_twice() -> None:
    keys = Counter(tuple(r[k] for k in ("dataset", "method", "noise", "rate")) for r in ROWS)
    twice = {key for key, count in keys.items() if count > 1}
    sources = Counter(
        (*(r[k] for k in ("dataset", "method", "noise", "rate", "source")),) for r in ROWS
    )
    assert max(sources.values()) == 1
    assert twice == {  # two papers ran these
        ("cifar10", "ANL-CE", "symmetric", 0.8),
        ("cifar10", "NCE+AGCE", "symmetric", 0.8),
        *(("cifar10", m, "symmetric", r) for m in ("CE", "NCE+RCE") for r in (0.4, 0.8)),
        *(("cifar10", m, "asymmetric", r) for m in ("CE", "NCE+RCE") for r in (0.2, 0.4)),
    }


def count(*words: str) -> int:
    return sum(all(word in row["source"] for word in words) for row in ROWS)


def test_every_number_is_credited_to_those_who_made_it() -> None:
    assert len(ROWS) == 262 + 8 + 30
    assert count("Zhou et al.", "ICML 2021, as printed in", "Table 2") == 18
    assert {r["method"] for r in ROWS if "Zhou et al." in r["source"]} == {"NLNL"}
    assert count("eps-Softmax", "Table 2 (last epoch, 3 seeds)") == 198 - 18
    assert count("Wei et al.", "ResNet-34, 100 epochs", "as printed in", "Table 4") == 12
    assert {r["noise"].split("-")[0] for r in ROWS if "Wei et al." in r["source"]} == {"human"}
    assert count("Table 3 (its MAE is 2 (1 - p_y))") == 4
    assert count("Joint Asymmetric Loss", "its own method") == 22
    assert count("Joint Asymmetric Loss", "its rerun") == 18 + 8
    for row in ROWS:
        if "Joint Asymmetric Loss" in row["source"]:
            assert ("own method" in row["source"]) == row["method"].startswith("JAL")
    assert count("Table 8") == 30
    assert count("Active Negative Loss, NeurIPS 2023") == 8


def test_clean_labels_are_called_none() -> None:
    clean = recipes.published(noise="none")
    assert len(clean) == 23
    assert recipes.published("cifar10", "ce", "none", 0) == [
        row for row in clean if (row["dataset"], row["method"]) == ("cifar10", "CE")
    ]
    with pytest.raises(ValueError, match="unknown noise 'clean'"):
        recipes.published(noise="clean")


@pytest.mark.parametrize(
    ("dataset", "method", "kind", "rates", "accuracies"),
    [
        ("cifar10", "ce", "symmetric", (0.4, 0.8), (58.05, 19.74)),
        ("cifar10", "ce", "asymmetric", (0.2, 0.4), (83.05, 73.85)),
        ("cifar10", "nce+rce", "symmetric", (0.4, 0.8), (85.89, 54.99)),
        ("cifar10", "nce+rce", "asymmetric", (0.2, 0.4), (88.62, 77.94)),
        ("cifar10", "ce", "instance", (0.2, 0.4, 0.6), (75.05, 57.27, 37.62)),
        ("cifar10", "gce", "instance", (0.2, 0.4, 0.6), (86.95, 79.35, 52.30)),
        ("cifar10", "nce+rce", "instance", (0.2, 0.4, 0.6), (89.06, 85.07, 70.45)),
        ("cifar10", "nce+agce", "instance", (0.2, 0.4, 0.6), (88.90, 85.16, 72.68)),
        ("cifar10", "ece", "instance", (0.2, 0.4, 0.6), (89.27, 85.26, 74.32)),
        ("cifar100", "ce", "instance", (0.2, 0.4, 0.6), (54.46, 40.81, 25.57)),
        ("cifar100", "gce", "instance", (0.2, 0.4, 0.6), (61.95, 56.99, 44.19)),
        ("cifar100", "nce+rce", "instance", (0.2, 0.4, 0.6), (64.13, 57.15, 43.22)),
        ("cifar100", "nce+agce", "instance", (0.2, 0.4, 0.6), (65.33, 58.59, 43.42)),
        ("cifar100", "ece", "instance", (0.2, 0.4, 0.6), (67.44, 60.80, 46.53)),
        ("cifar100", "gce", "human-noisy", (0,), (56.73,)),
    ],
)
def test_numbers(
    dataset: str, method: str, kind: str, rates: tuple[float, ...], accuracies: tuple[float, ...]
) -> None:
    for rate, accuracy in zip(rates, accuracies, strict=True):
        found = recipes.published(dataset, method, kind, rate)
        assert accuracy in [row["accuracy_percent"] for row in found]


def test_rows_are_copies() -> None:
    (row,) = recipes.published("cifar10", "ce", "symmetric", 0.6)
    assert (row["accuracy_percent"], row["std"]) == (39.16, 0.5)
    row["accuracy_percent"] = 0
    assert recipes.published("cifar10", "CE", "symmetric", 0.6)[0]["accuracy_percent"] == 39.16
