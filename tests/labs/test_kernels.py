"""Kernels that are forked for grading: as apart from one another as launched ones."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

from anl_edu.labs import kernels

pytest.importorskip("nbgrader", reason="`make lowest` has none")  # see pyproject.toml
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux only")
Kernel = tuple[KernelManager, BlockingKernelClient]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Kernel]]:
    """Start kernels as nbgrader does with the course's settings; end them."""
    monkeypatch.setenv("JUPYTER_DEFAULT_PROVISIONER_NAME", "anl-edu-forked")
    running: list[Kernel] = []

    def new(**options: Any) -> Kernel:
        manager = KernelManager()
        manager.start_kernel(**options)
        client = manager.blocking_client()
        running.append((manager, client))
        client.start_channels()
        client.wait_for_ready(timeout=60)
        return manager, client

    yield new
    for manager, client in running:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def ask(client: BlockingKernelClient, expression: str) -> Any:
    """Give the value of an expression in a kernel, of what a literal can say."""
    reply = client.execute_interactive(
        "", user_expressions={"it": expression}, timeout=60, output_hook=lambda _: None
    )
    return eval(reply["content"]["user_expressions"]["it"]["data"]["text/plain"])


def run(client: BlockingKernelClient, code: str) -> str:
    told = client.execute_interactive(code, timeout=60, output_hook=lambda _: None)
    return str(told["content"]["status"])


def test_it_is_forked_with_what_labs_import_and_a_place_of_its_own(
    start: Callable[..., Kernel], tmp_path: Path
) -> None:
    env = {**os.environ, "TMPDIR": str(tmp_path), "HERE": "yes"}
    limit = partial(kernels.limit_files, 12345)
    manager, client = start(cwd=str(tmp_path), env=env, preexec_fn=limit)
    pid = ask(client, "__import__('os').getpid()")
    assert pid == manager.provisioner.pid
    assert psutil.Process(pid).ppid() != os.getpid()  # the server's
    assert ask(client, "{'torch', 'torch._dynamo'} <= set(__import__('sys').modules)")
    assert ask(client, "__import__('os').getcwd()") == str(tmp_path)
    assert ask(client, "__import__('tempfile').gettempdir()") == str(tmp_path)
    assert ask(client, "__import__('os').environ['HERE']") == "yes"
    resource = "__import__('resource')"
    assert ask(client, f"{resource}.getrlimit({resource}.RLIMIT_FSIZE)") == (12345, 12345)


def test_what_one_does_another_does_not_see(start: Callable[..., Kernel]) -> None:
    (_, one), (_, other) = start(), start()
    assert run(one, "import math, torch; math.pi = 3; torch.manual_seed(1); left = 1") == "ok"
    assert ask(one, "__import__('math').pi") == 3
    assert ask(other, "__import__('math').pi") > 3
    assert run(other, "left") == "error"
    numbers = "__import__('random').random()"
    assert ask(one, numbers) != ask(other, numbers)


def test_it_is_interrupted_and_goes_on(start: Callable[..., Kernel]) -> None:
    manager, client = start()
    client.execute("print('now')\nwhile True: pass", stop_on_error=False)
    while client.get_iopub_msg(timeout=60)["msg_type"] != "stream":
        pass
    manager.interrupt_kernel()
    assert ask(client, "6 * 7") == 42


def test_its_end_is_seen(start: Callable[..., Kernel]) -> None:
    manager, client = start()
    client.execute("import os; os._exit(3)")
    deadline = time.monotonic() + 60
    while manager.is_alive() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not manager.is_alive()
    manager.restart_kernel(now=True)
    assert manager.is_alive()


def test_what_it_started_ends_with_it(start: Callable[..., Kernel]) -> None:
    manager, client = start()
    sleeper = "__import__('subprocess').Popen(['sleep', '600']).pid"
    child = psutil.Process(ask(client, sleeper))
    manager.shutdown_kernel(now=True)
    gone, _ = psutil.wait_procs([child], timeout=30)
    assert gone or child.status() == psutil.STATUS_ZOMBIE


def test_it_ends_with_the_server_and_another_server_is_started(
    start: Callable[..., Kernel],
) -> None:
    kernel = psutil.Process(start()[0].provisioner.pid)
    kernel.parent().kill()
    gone, _ = psutil.wait_procs([kernel], timeout=60)
    assert gone
    assert ask(start()[1], "6 * 7") == 42


@pytest.mark.parametrize(
    "argv",
    [
        ["/usr/bin/env", sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        [sys.executable, "-c", "import time; time.sleep(600)", "{connection_file}"],
    ],
    ids=["another interpreter", "another kernel"],
)
def test_others_are_launched(monkeypatch: pytest.MonkeyPatch, argv: list[str]) -> None:
    monkeypatch.setenv("JUPYTER_DEFAULT_PROVISIONER_NAME", "anl-edu-forked")
    manager = KernelManager()
    manager._kernel_spec = KernelSpec(argv=argv, language="python", display_name="other")
    manager.start_kernel()
    try:
        assert isinstance(manager.provisioner.process, subprocess.Popen)
        assert manager.provisioner.pid == manager.provisioner.process.pid
    finally:
        manager.provisioner.process.send_signal(signal.SIGKILL)
        manager.shutdown_kernel(now=True)
