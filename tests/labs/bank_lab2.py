"""Lab 2: submissions that are wrong in part, each with a mistake that students make."""

from __future__ import annotations

from submissions import Submission


def none(*names: str) -> dict[str, float]:
    """No points for these tests."""
    return {f"test-2-{name}": 0.0 for name in names}


def function(head: str, *lines: str) -> str:
    """A function of these lines."""
    return "\n    ".join([f"def {head}:", *lines])


CE, NNCE = "ce_gradient(logits, targets)", "nnce_gradient(logits, targets, A)"
NORMS, UPDATE = "norm_shares(gradients, wrong)", "update_shares(clean, wrong)"
BINS = "mean_by_p_y(norms, p_y, edges)"
ONE_HOT = "e = torch.nn.functional.one_hot(targets, logits.shape[1])"
PARTS = (
    "log, y = logits.log_softmax(1), targets[:, None]",
    "p, K = log.exp(), logits.shape[1]",
    ONE_HOT,
)
UNCLAMPED = (*PARTS, "F_k = A + log", "F = F_k.sum(1, keepdim=True)")
MEASURED = ("8-ce-share", "8-anl-share", "8-ce-update", "8-anl-kept")

BANK: list[Submission] = [
    Submission(
        "mean-over-the-batch-upper-edge-lost",
        {
            "answer-2-1": function(CE, ONE_HOT, "return (logits.softmax(1) - e) / len(logits)"),
            "answer-2-9": function(
                BINS,
                "bins = zip(edges[:-1], edges[1:])",
                "return torch.stack([norms[(a <= p_y) & (p_y < b)].mean() for a, b in bins])",
            ),
        },
        none("1", "9"),
    ),
    Submission(
        "softmax-over-samples-p-min-for-all",
        {
            "answer-2-1": function(CE, ONE_HOT, "return logits.softmax(0) - e"),
            "answer-2-4": "let_go = 1 - me.p_min",
            "answer-2-9": function(
                BINS,  # -1 for NaN
                "place = torch.bucketize(p_y, edges[1:-1], right=True)",
                "means = [norms[place == b].mean() for b in range(len(edges) - 1)]",
                "return torch.stack(means).nan_to_num(-1.0)",
            ),
        },
        none("1", "4", "9"),
    ),
    Submission(
        "minus-forgotten-lengths-for-update",  # a size, as in 2.5, does not show the first
        {
            "answer-2-2": function(
                NNCE,
                *UNCLAMPED,
                "return (F_k.gather(1, y) * (K * p - 1) - (p - e) * F) / F**2",
            ),
            "answer-2-7": function(
                UPDATE,
                "a, b = clean.norm(), wrong.norm()",
                "return a / (a + b), b / (a + b)",
            ),
        },
        none("2", "2-clamped", "7", "8-ce-update"),
    ),
    Submission(
        "as-in-the-lesson-rest-for-p-y",  # right where nothing is clamped
        {
            "answer-2-2": function(
                NNCE,
                *UNCLAMPED,
                "return ((p - e) * F - F_k.gather(1, y) * (K * p - 1)) / F**2",
            ),
            "answer-2-4": "let_go = (me.K - 1) * me.p_min",  # 1 - p_y
            "answer-2-5": "p_y = torch.tensor([0.5, 0.99], dtype=torch.float64)\n"
            "rest = ((1 - p_y) / (me.K - 1))[:, None].expand(-1, me.K - 1)\n"
            "z = torch.cat([p_y[:, None], rest], 1).log()\n"
            "pulls = nnce_gradient(z, torch.zeros(2, dtype=torch.int64), me.A)[:, 0].abs()\n"
            "growth = (pulls[0] / pulls[1]).item()",
        },
        none("2-clamped", "4", "5"),
    ),
    Submission(
        "clamped-in-value-alone-means-for-sums",  # F_k is clamped, its derivative is not
        {
            "answer-2-2": function(
                NNCE,
                *PARTS,
                "F_k = (A + log).clamp(min=0)",
                "F = F_k.sum(1, keepdim=True)",
                "return ((p - e) * F - F_k.gather(1, y) * (K * p - 1)) / F**2",
            ),
            "answer-2-6": function(
                NORMS,
                "lengths = gradients.norm(dim=1)",
                "a, b = lengths[~wrong].mean(), lengths[wrong].mean()",
                "return a / (a + b), b / (a + b)",
            ),
        },
        none("2-clamped", "6", "8-ce-share", "8-anl-share"),
    ),
    Submission(
        "not-squared-in-per-cent",
        {
            "answer-2-2": function(
                NNCE, *UNCLAMPED, "return ((p - e) * F - F_k.gather(1, y) * (K * p - 1)) / F"
            ),
            "answer-2-8": "sizes = anl.gradients.norm(dim=2)\n"
            'measured = {"ce_share": 100 * norm_shares(ce.gradients[EPOCH], wrong)[1],\n'
            '    "anl_share": 100 * norm_shares(anl.gradients[EPOCH], wrong)[1],\n'
            '    "ce_update": 100 * update_shares(ce.clean[0], ce.wrong[0])[1],\n'
            '    "anl_kept": 100 * sizes[EPOCH, wrong].mean() / sizes[0, wrong].mean()}',
        },
        none("2", "2-clamped", "5", *MEASURED),
    ),
    Submission(
        "by-automatic-differentiation",  # right numbers, no closed form
        {
            "answer-2-2": function(
                NNCE,
                "z = logits.detach().requires_grad_()",
                "F_k = (A + z.log_softmax(1)).clamp(min=0)",
                "loss = 1 - F_k.gather(1, targets[:, None])[:, 0] / F_k.sum(1)",
                "return torch.autograd.grad(loss.sum(), z)[0]",
            )
        },
        none("2", "2-clamped"),
    ),
    Submission(
        "the-packages-gradients",
        {
            "answer-2-1": "from anl_edu.gradients import logit_gradient\n"
            + function(CE, 'return logit_gradient("ce", logits, targets)'),
            "answer-2-2": function(
                NNCE, 'return logit_gradient("nnce", logits, targets, p_min=math.exp(-A))'
            ),
        },
        none("1", "2", "2-clamped"),
    ),
    Submission(
        "clean-and-wrong-swapped",
        {
            "answer-2-6": function(
                NORMS,
                "lengths = gradients.norm(dim=1)",
                "part = lengths[wrong].sum() / lengths.sum()",
                "return part, 1 - part",
            )
        },
        none("6", "8-ce-share", "8-anl-share"),
    ),
    Submission(
        "a-neighbours-numbers",  # typed in, from another variant
        {
            "answer-2-8": 'measured = {"ce_share": 0.49, "anl_share": 0.49, "ce_update": 0.19,'
            ' "anl_kept": 0.17}'
        },
        none(*MEASURED),
    ),
    Submission(
        "one-epoch-late",  # row 0 is the untrained network
        {
            "answer-2-8": "sizes = anl.gradients.norm(dim=2)\n"
            'measured = {"ce_share": norm_shares(ce.gradients[-1], wrong)[1],\n'
            '    "anl_share": norm_shares(anl.gradients[EPOCH], wrong)[1],\n'
            '    "ce_update": update_shares(ce.clean[1], ce.wrong[1])[1],\n'
            '    "anl_kept": sizes[EPOCH, wrong].mean() / sizes[0, wrong].mean()}'
        },
        none("8-ce-share", "8-ce-update"),
    ),
    Submission(
        "rounded-as-told",  # two decimals are enough, and plain numbers are fine
        {
            "answer-2-4": "let_go = torch.tensor([1 - (me.K - 1) * me.p_min], dtype=torch.float64)",
            "answer-2-5": "def pull(p_y):\n"
            "    row = [p_y] + [(1 - p_y) / (me.K - 1)] * (me.K - 1)\n"
            "    z = torch.tensor([row], dtype=torch.float64).log()\n"
            "    return nnce_gradient(z, torch.tensor([0]), me.A)[:, 0].abs()\n"
            "growth = pull(0.99) / pull(0.5)",  # of shape (1,)
            "answer-2-7": "one, two = torch.dot, torch.add\n"  # names that a test might use
            + function(
                UPDATE,
                "total = two(clean, wrong)",
                "square = one(total, total)",
                "return one(clean, total) / square, one(wrong, total) / square",
            ),
            "answer-2-8": "sizes = anl.gradients.norm(dim=2)\n"
            'measured = {"ce_share": round(float(norm_shares(ce.gradients[EPOCH], wrong)[1]), 2),\n'
            '    "anl_share": round(float(norm_shares(anl.gradients[EPOCH], wrong)[1]), 2),\n'
            '    "ce_update": round(float(update_shares(ce.clean[0], ce.wrong[0])[1]), 2),\n'
            '    "anl_kept": round(float(sizes[EPOCH, wrong].mean() / sizes[0, wrong].mean()), 2)}',
        },
    ),
    Submission(
        "sums-in-the-bins-absolute-shares",
        {
            "answer-2-7": function(
                UPDATE,
                "total = clean + wrong",
                "return abs(clean @ total / (total @ total)), abs(wrong @ total / (total @ total))",
            ),
            "answer-2-9": function(
                BINS,
                "place = torch.bucketize(p_y, edges[1:-1], right=True)",
                "return torch.stack([norms[place == b].sum() for b in range(len(edges) - 1)])",
            ),
        },
        none("7", "9"),
    ),
]
