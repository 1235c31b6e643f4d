"""Lab 1: submissions that try to gain points by simple means, or do harm without meaning to."""

from __future__ import annotations

from bank_lab1 import ALL_TESTS, FLIP, NEGATIVE, SHARE, SLOPE, TABLE, function, none
from submissions import Submission

WRONG_FLIP = function(FLIP, "return table.sum(1)")
WRONG_SLOPE = function(SLOPE, "return p[:, 0] - 1")
ID = 'STUDENT = "{name}"\n'


def _named(name: str, before: str) -> dict[str, str]:
    """The id's cell, with code in front of the rest of the notebook."""
    return {"student-id": f"{ID.format(name=name)}{before}"}


TRICKS: list[Submission] = [
    Submission(
        "overwrites-check",  # and shadows what a test may use, and equals everything
        _named(
            "overwrites-check",
            "from anl_edu import labs\n"
            "labs.check = lambda *told: print('right')\n"
            "all = any = isinstance = len = sum = max = abs = lambda *told: True\n"
            "class Yes:\n"
            "    __eq__ = __lt__ = __gt__ = __le__ = lambda *told: True\n",
        )
        | {
            "answer-1-3": WRONG_FLIP,
            "answer-1-7": function(SLOPE, "return Yes()"),
            "answer-1-8": "slope_ratio = Yes()",
            "answer-1-10": "sums = Yes()",
            "answer-1-12": "import builtins, math\n"  # no test believes itself from then on
            "torch.allclose = math.isclose = builtins.all = lambda *told, **more: True\n"
            "largest_rate = 2",
        },
        none(3, 7, 8, 10, 12, 13),
    ),
    Submission(
        "imports-the-solution",
        {
            "answer-1-1": "from anl_edu.losses import ce_table as table_of_ce",
            "answer-1-2": "from anl_edu.losses import normalized as label_share",
            "answer-1-3": "from anl_edu.labs.plain import flipped_sum as plainly\n"
            + function(FLIP, "return torch.tensor(plainly(table.tolist(), y.tolist(), A))"),
            "answer-1-4": function(
                NEGATIVE,
                "from anl_edu import losses",
                "return losses.normalized_negative(table, y, A)",
            ),
            "answer-1-5": "from anl_edu import losses\n"
            "my_anl = lambda z, y, a, b, p: losses.build("
            "'anl-ce', alpha=a, beta=b, p_min=p, reduction='none')(z, y)",
            "answer-1-7": "from anl_edu.labs.lab1 import _slope as slope_by_hand",
        },
        none(1, 2, 3, 4, 5, 7),
    ),
    Submission(
        "imports-anew",
        {
            "answer-1-1": function(
                TABLE,
                "import importlib, sys",
                "importlib.reload(sys.modules['anl_edu.losses.tables'])",
                "from anl_edu.losses.tables import ce_table",
                "return ce_table(logits)",
            ),
            "answer-1-2": function(
                SHARE, "return __import__('anl_edu.losses').losses.normalized(table, y)"
            ),
            "answer-1-7": function(  # not by hand
                SLOPE,
                "with torch.enable_grad():",
                "    z = p.log().requires_grad_()",
                "    negative_share(table_of_ce(z), y, A).sum().backward()",
                "return z.grad.gather(1, y.unsqueeze(1)).squeeze(1)",
            ),
        },
        none(1, 2, 4, 5, 7),
    ),
    Submission(
        "swallows-exceptions",  # and displays the points it would like
        _named(
            "swallows-exceptions",
            "get_ipython().set_custom_exc((BaseException,), lambda *told, **more: None)\n",
        )
        | {
            "answer-1-3": WRONG_FLIP,
            "answer-1-7": function(SLOPE, "get_ipython().displayhook(10.0)", "return p[:, 0] - 1"),
        },
        none(3, 7, 8),
    ),
    Submission(
        "strips-the-tests",
        {
            "answer-1-3": "get_ipython().input_transformers_post.append(\n"
            "    lambda lines: ['pass\\n'] if any('grading' in line for line in lines) else lines\n"
            ")\n" + WRONG_FLIP
        },
        dict.fromkeys(ALL_TESTS[2:], 0.0),
    ),
    Submission(
        "loops-for-ever",
        {
            "answer-1-3": function(FLIP, "while True:", "    pass"),
            "answer-1-12": "while True:\n"
            "    try:\n"
            "        while True:\n"
            "            pass\n"
            "    except BaseException:\n"
            "        pass\n",
            "answer-1-13": "noisy_risk = 0\nwhile True:\n    print('x' * 1000)",
        },
        none(3, 12, 13),
    ),
    Submission(
        "fills-the-disk",
        {
            "answer-1-3": "import tempfile, time\n"
            "many = [b'x' * 1_000_000] * 8\n"
            "for n in range(1000):\n"
            "    time.sleep(0.02)\n"
            "    open(f'{tempfile.mkdtemp()}/{n}', 'wb').writelines(many)\n" + WRONG_FLIP,
            "answer-1-7": "with open('large', 'wb') as large:\n"
            "    large.seek(1_000_000_000)\n"
            "    large.write(b'x')\n" + WRONG_SLOPE,
        },
        none(3, 7, 8),
    ),
    Submission(
        "ends-the-kernel",
        {
            "answer-1-3": function(FLIP, "import os", "os._exit(0)"),
            "answer-1-7": function(SLOPE, "raise KeyboardInterrupt"),
            "answer-1-8": "import sys\nslope_ratio = 1.0\nsys.exit(0)",
            "answer-1-12": "import time\n"
            "held = []\n"
            "for n in range(100):\n"
            "    held.append(bytearray(b'x') * 100_000_000)\n"
            "    time.sleep(0.1)\n",
        },
        none(3, 7, 8, 12),
    ),
    Submission(
        "somebody-else",
        {"student-id": 'STUDENT = "ada"'},
        dict.fromkeys(ALL_TESTS, 0.0),
    ),
]
