"""Kernels for grading that are forked from a process which has imported PyTorch already.

A kernel of its own for each submission is what keeps them apart, but most of its time goes into
imports. The standard library's fork server does them once: `ForkedProvisioner` has each kernel
forked from it. nbgrader_config.py chooses it, by name, where there is such a server (Linux).
"""

from __future__ import annotations

import os
import sys
import tempfile
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from typing import Any

from jupyter_client.provisioning import LocalProvisioner

SERVER = get_context("forkserver")
# What a lab imports sooner or later; torch._dynamo comes with the first optimiser.
SERVER.set_forkserver_preload(
    ["ipykernel.kernelapp", "torch._dynamo", "anl_edu.labs.checks", "anl_edu.labs.own_noise"]
)


class ForkedProvisioner(LocalProvisioner):
    """Start a kernel by forking; everything else is as for a kernel that is launched.

    A kernel of another interpreter, or not IPython's, is launched as ever.
    """

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Fork a kernel that does what `cmd` would.

        ``cwd``, ``env`` and ``preexec_fn`` mean what they mean for `subprocess.Popen`; the last
        must be picklable.
        """
        if cmd[0] != sys.executable or "ipykernel_launcher" not in cmd:
            return await super().launch_kernel(cmd, **kwargs)
        options = cmd[cmd.index("ipykernel_launcher") + 1 :]
        set_up = kwargs.get("cwd"), kwargs.get("env", {}), kwargs.get("preexec_fn")
        process = SERVER.Process(target=_run, args=(options, *set_up))
        process.start()
        self.process = _Forked(process)  # type: ignore[assignment]
        self.pid = self.pgid = process.pid
        self.cwd = kwargs.get("cwd")
        return self.connection_info


class _Forked:
    """What a provisioner asks of a `subprocess.Popen`."""

    stdin = stdout = stderr = None

    def __init__(self, process: ForkServerProcess) -> None:
        self._process = process

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self) -> int | None:
        self._process.join()
        return self._process.exitcode

    def send_signal(self, signum: int) -> None:
        if self._process.pid and self.poll() is None:
            os.kill(self._process.pid, signum)

    def kill(self) -> None:
        self._process.kill()

    def terminate(self) -> None:
        self._process.terminate()


def _run(options: list[str], cwd: Any, env: dict[str, str], preexec_fn: Any) -> None:
    """Be a kernel."""
    from ipykernel.kernelapp import launch_new_instance

    os.setsid()  # one group for it and its children: a signal reaches all of them
    if cwd:
        os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    tempfile.tempdir = None  # where TMPDIR is now
    if preexec_fn:
        preexec_fn()
    # If the server ends, so does the kernel; the server ends with the process that asked for it.
    launch_new_instance(argv=[*options, f"--IPKernelApp.parent_handle={os.getppid()}"])


def limit_files(most: int) -> None:
    """Let this process write no file of more than so many bytes, and leave no core."""
    import resource  # not on Windows, where nbgrader does not run either

    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
