"""Lab 3: submissions that are wrong in part, each with a mistake that students make."""

from __future__ import annotations

from submissions import Submission


def none(*names: str) -> dict[str, float]:
    """No points for these tests."""
    return {f"test-3-{name}": 0.0 for name in names}


def function(head: str, *lines: str) -> str:
    """A function of these lines."""
    return "\n    ".join([f"def {head}:", *lines])


DRAW, EXCESS = "draw_labels(y, T, u)", "excess(y, noisy, T)"
SPREAD, CHOOSE, PAIRED = "mean_deviation(values)", "choose(weights, held_out)", "paired(a, b)"
COUNTS = (
    "K = len(T)",
    "C = torch.bincount(y * K + noisy, minlength=K * K).view(K, K).double()",
    "n = C.sum(1, keepdim=True)",
)
OWN = (
    "T = torch.eye(me.K, dtype=torch.float64)",
    "share = (low + high) / 2 * me.K / (me.K - 1)",
    "for i in range(1, me.K):",
    "    T[i, i] -= share",
    "    T[i, 0] += 0.7 * share",
    "    T[i, 1 + i % (me.K - 1)] += 0.3 * share",
)


def trained(call: str) -> str:
    """The answer to 3.6, with another call."""
    return f"records = {{}}\nfor loss, weight in plan:\n    records[loss, weight] = {call}"


BANK: list[Submission] = [
    Submission(
        "columns-sum-to-one-mean-over-settings",
        {
            "answer-3-1": "\n".join([*OWN, "T = T.T.contiguous()"]),
            "answer-3-7": function(SPREAD, "return values.mean(0), values.std(0)"),
        },
        none("1", "7", "10"),
    ),
    Submission(
        "rows-fall-short",  # what the last class loses arrives nowhere
        {
            "answer-3-1": "\n".join([*OWN, "T[-1, 0] -= 0.05"]),
            "answer-3-11": function(PAIRED, "return (a - b).mean(), (a - b).std()"),
        },
        none("1", "11"),
    ),
    Submission(
        "symmetric-noise-nominal-rate",
        {
            "answer-3-1": "rate = (low + high) / 2\n"
            "T = torch.full((me.K, me.K), rate / (me.K - 1), dtype=torch.float64)\n"
            "T.fill_diagonal_(1 - rate)",
            "answer-3-5": "noisy = draw_labels(digits.y_train, T, own_noise.uniforms(me))\n"
            "realised_rate = 1 - T.diagonal().mean().item()",
        },
        none("1-band", "5-rate"),
    ),
    Submission(
        "rate-too-low-deviation-for-error",  # forgot that class 0 keeps its labels
        {
            "answer-3-1": "\n".join(OWN).replace(" * me.K / (me.K - 1)", " / 2"),
            "answer-3-8": function(
                CHOOSE,
                "mean, best = held_out.mean(1), held_out.mean(1).argmax()",
                "return weights[mean >= mean[best] - held_out.std(1)[best]].min()",
            ),
        },
        none("1-band", "8"),
    ),
    Submission(
        "columns-read-for-rows",
        {
            "answer-3-3": function(
                DRAW,
                "edges = T.T.cumsum(1)[y]",
                "return (u[:, None] >= edges).sum(1).clamp(max=len(T) - 1)",
            ),
            "answer-3-4": function(
                EXCESS, *COUNTS, "return torch.where((T > 0) & (T < 1), C / n - T, 0 * C)"
            ),
        },
        none("3", "4", "5"),
    ),
    Submission(
        "the-packages-draw-best-epoch",
        {
            "answer-3-3": "from anl_edu import noise\n"
            + function(DRAW, 'return noise.corrupt(y, T, "independent")'),
            "answer-3-10": 'keys = {"ce": ("ce", 0.0), "anl-ce": ("anl-ce", 0.0)}\n'
            'keys["anl-ce + er"] = ("anl-ce", chosen)\n'
            "best = torch.tensor([[r.best_accuracy for r in records[k]] for k in keys.values()])\n"
            "means, deviations = mean_deviation(best.double())\n"
            "table = dict(zip(keys, zip(means.tolist(), deviations.tolist())))",
        },
        none("3", "5", "10"),
    ),
    Submission(
        "edges-on-the-wrong-side",  # seen only where a number lies on an edge
        {
            "answer-3-3": function(
                DRAW,
                "edges = T.cumsum(1)[y]",
                "return (u[:, None] > edges).sum(1).clamp(max=len(T) - 1)",
            ),
            "answer-3-4": function(
                EXCESS,
                *COUNTS,
                "return torch.where((T > 0) & (T < 1), (C - n * T) / (n * T).sqrt(), 0 * C)",
            ),
        },
        none("3", "4"),
    ),
    Submission(
        "one-seed-three-times",
        {"answer-3-6": trained("[own_noise.train(data, loss, 0, weight)] * 3")},
        none("6"),
    ),
    Submission(
        "trained-on-clean-labels",
        {"answer-3-6": trained("[own_noise.train(digits, loss, seed, weight) for seed in SEEDS]")},
        none("6"),
    ),
    Submission(
        "weight-forgotten",  # every row of the sweep is ANL alone
        {"answer-3-6": trained("[own_noise.train(data, loss, seed) for seed in SEEDS]")},
        none("6"),
    ),
    Submission(
        "deviation-with-n",
        {
            "answer-3-7": function(SPREAD, "return values.mean(1), values.std(1, correction=0)"),
            "answer-3-11": function(
                PAIRED, "return a.mean() - b.mean(), (a.var() / len(a) + b.var() / len(b)).sqrt()"
            ),
        },
        none("7", "10", "11"),
    ),
    Submission(
        "always-the-best-mean",
        {"answer-3-8": function(CHOOSE, "return weights[held_out.mean(1).argmax()]")},
        none("8", "9-chosen"),
    ),
    Submission(
        "chosen-on-clean-labels",
        {
            "answer-3-9": 'own = [records["anl-ce", w] for w in WEIGHTS]\n'
            "rows = [[r.test_accuracy for r in three] for three in own]\n"
            "held_out = torch.tensor(rows, dtype=torch.float64)\n"
            "chosen = choose(torch.tensor(WEIGHTS), held_out).item()"
        },
        none("9"),
    ),
    Submission(
        "right-in-another-way",  # a row closed by subtraction, a tensor chosen, names of tests' own
        {
            "answer-3-1": "\n".join(
                [*OWN, "T[0, 0], T[0, -1] = 1.0, 1 - 0.4 - 0.2 - 0.1 - 0.3", "assert T.min() < 0"]
            ),
            "answer-3-3": "u = torch.cumsum\n"
            + function(
                "draw_labels(y, T, random)",
                "edges = u(T, 1)[y]",
                "return (random[:, None] >= edges).sum(1).clamp(max=len(T) - 1)",
            ),
            "answer-3-5": "noisy = draw_labels(digits.y_train, T, own_noise.uniforms(me))\n"
            "realised_rate = (noisy != digits.y_train).double().mean(0, keepdim=True)",
            "answer-3-8": "weights = math.sqrt\n"
            + function(
                "choose(from_these, held_out)",
                "mean, error = held_out.mean(1), held_out.std(1) / weights(held_out.shape[1])",
                "best = mean.argmax()",
                "return from_these[mean >= mean[best] - error[best]].min()",
            ),
            "answer-3-9": "rows = [[r.held_out_accuracy for r in records['anl-ce', w]]"
            " for w in WEIGHTS]\n"
            "held_out = torch.tensor(rows, dtype=torch.float64)\n"
            "chosen = choose(torch.tensor(WEIGHTS), held_out)",
            "answer-3-10": 'table = {"ce": ("ce", 0.0), "anl-ce": ("anl-ce", 0.0)}\n'
            'table["anl-ce + er"] = ("anl-ce", float(chosen))\n'
            "for name, key in table.items():\n"
            "    three = torch.tensor([r.test_accuracy for r in records[key]])\n"
            "    table[name] = (three.mean(), three.std())",
        },
    ),
]
