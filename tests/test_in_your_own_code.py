"""What docs/in-your-own-code.md prints runs as it is printed, and gives the same in all three."""

from __future__ import annotations

import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from anl_edu import losses

PAGE = Path(__file__).resolve().parent.parent / "docs" / "in-your-own-code.md"
STEPS, RATE = 5, 0.1
g = torch.Generator().manual_seed(0)
X, Y = torch.randn(32, 6, generator=g), torch.randint(3, (32,), generator=g)


def printed() -> dict[str, str]:
    """The page's pieces of Python, by the heading above each."""
    found = re.findall(
        r"(?ms)^## ([^\n]+)\n(?:(?!^## ).)*?^```python\n(.*?)^```$", PAGE.read_text()
    )
    return dict(found)


def network() -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))


def flat(model: nn.Module) -> Tensor:
    return nn.utils.parameters_to_vector(model.parameters()).detach()


def by_hand() -> Tensor:
    """The same steps, the update written out: loss + delta sum |theta|."""
    model, loss = network(), losses.build("anl-ce", alpha=5, beta=5)
    for _ in range(STEPS):
        model.zero_grad()
        loss(model(X), Y).backward()
        with torch.no_grad():
            for p in model.parameters():
                assert p.grad is not None
                p -= RATE * (p.grad + 5e-5 * p.sign())
    return flat(model)


def in_a_loop(code: str, folder: Path) -> nn.Module:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    loader = DataLoader(TensorDataset(X, Y), 32)
    for _ in range(STEPS):
        exec(code, {"losses": losses, "model": model, "optimizer": optimizer, "loader": loader})
    return model


def in_lightning(code: str, folder: Path) -> nn.Module:
    import lightning

    class Net(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.layers = network()

        def forward(self, x: Tensor) -> Tensor:
            return self.layers(x)

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=RATE)

    names: dict[str, Any] = {"losses": losses, "Net": Net}
    exec(code, names)
    module = names["Robust"]()
    trainer = lightning.Trainer(
        max_epochs=STEPS,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )
    trainer.fit(module, DataLoader(TensorDataset(X, Y), 32))
    return module.layers


def in_a_trainer(code: str, folder: Path) -> nn.Module:
    from transformers import Trainer, TrainingArguments
    from transformers.modeling_outputs import SequenceClassifierOutput

    class Classifier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = network()

        def forward(self, x: Tensor, labels: Tensor | None = None) -> SequenceClassifierOutput:
            return SequenceClassifierOutput(logits=self.layers(x))

    model = Classifier()
    arguments = TrainingArguments(
        output_dir=str(folder),
        optim="sgd",
        learning_rate=RATE,
        lr_scheduler_type="constant",
        max_grad_norm=0,
        per_device_train_batch_size=32,
        num_train_epochs=STEPS,
        use_cpu=True,
        report_to=[],
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )
    rows = [{"x": x, "labels": y} for x, y in zip(X, Y, strict=True)]
    names = {"losses": losses, "model": model, "arguments": arguments, "rows": rows}
    names["Trainer"] = Trainer
    exec(code, names)
    names["trainer"].train()
    return model.layers


@pytest.mark.parametrize(
    ("title", "run"),
    [
        ("Your own loop", in_a_loop),
        ("Lightning", in_lightning),
        ("Hugging Face Trainer", in_a_trainer),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_each_trains_to_the_weights_of_the_update_written_out(
    title: str, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    code = printed()[title]
    assert len([line for line in code.splitlines() if line.strip()]) <= 6
    before = deepcopy(flat(network()))
    after = flat(run(code, tmp_path))
    assert (after - before).norm() > 0.1
    assert torch.allclose(after, by_hand(), atol=1e-5)


def test_the_page_prints_these_and_no_more() -> None:
    assert list(printed()) == ["Your own loop", "Lightning", "Hugging Face Trainer"]
    assert PAGE.read_text().count("```python") == 3
