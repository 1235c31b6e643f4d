"""How submissions are run when they are graded; `make labs` puts this file into the course.

nbgrader's own settings do most: a cell that takes longer than `timeout` is interrupted, gets an
error in the place of its points, and the next cell is run. `Guarded` adds what is done from outside
the student's process, so that no cell can undo it:

- A cell that does not let itself be interrupted, ends its kernel, writes or takes too much, costs
  the kernel its life. A new one runs the earlier cells again without it, and goes on.
- A graded cell that ended well gets its points only if the hidden test says that it tested.
- What a graded cell displays is never taken for its points, and a warning costs none.

It keeps a careless submission from spoiling the class, and simple tricks from gaining points; see
anl_edu/labs/grading.py. It is no sandbox: grade the work of strangers in a container or as a user
of little rights.
"""

import os
import shutil
import sys
import tempfile
import threading
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbclient.util import run_sync
from nbformat.v4 import new_output
from nbgrader import utils
from nbgrader.converters import Autograde
from nbgrader.preprocessors import Execute
from traitlets import Integer

from anl_edu.labs.kernels import limit_files

GRADING = "anl_edu.labs.grading"
MB = 1_000_000


class Guarded(Execute):
    """Run a submission within limits, and see from outside whether its tests were passed."""

    total_timeout = Integer(600, help="Seconds for a whole notebook.").tag(config=True)
    written_mb = Integer(100, help="Megabytes that a submission may write.").tag(config=True)
    memory_mb = Integer(6000, help="Megabytes of memory that it may take.").tag(config=True)
    printed_kb = Integer(500, help="Kilobytes of text that one cell may print.").tag(config=True)
    restarts = Integer(3, help="New kernels, before the rest is given up.").tag(config=True)

    # --- A notebook -------------------------------------------------------------------------------

    def preprocess(self, nb, resources, km=None):
        folder = Path(resources["metadata"]["path"] or ".").resolve()
        mine = set(folder.rglob("*"))
        self._skipped, self._killed, self._left = set(), "", self.restarts
        self._deadline = time.monotonic() + self.total_timeout
        self._done = threading.Event()
        with tempfile.TemporaryDirectory(prefix="grading-", ignore_cleanup_errors=True) as scratch:
            self._places = (folder, Path(scratch))
            watch = threading.Thread(target=self._watch, args=(mine,), daemon=True)
            watch.start()
            try:
                return super().preprocess(nb, resources, km)
            finally:
                self._done.set()
                watch.join()
                self._tidy(mine)

    def preprocess_cell(self, cell, resources, index):
        self._check_assign_resources(resources)
        if cell.cell_type != "code" or not cell.source.strip():
            return cell, self.resources
        tested = utils.is_grade(cell) and GRADING in cell.source
        failed = ""
        if self._left < 0 or time.monotonic() > self._deadline:
            cell.outputs, failed = [], "not run: this submission used up its time, or its kernels"
        else:
            self._printed, self._status = 0, ""
            try:
                if tested:
                    self._ask(f"__import__('sys').modules.pop({GRADING!r}, None)")
                self.execute_cell(cell, index, store_history=True)
                if self._status == "timeout":
                    self._skipped.add(index)
                elif self._status != "ok":
                    failed = f"the cell ended as {self._status!r}"
                elif tested and not self._tested():
                    failed = "the hidden test did not run to its end"
            except (CellTimeoutError, DeadKernelError, RuntimeError) as error:
                failed = self._killed or f"{type(error).__name__}: the kernel had to be ended"
                self._skipped.add(index)
                self._again(index)
        if utils.is_grade(cell):
            cell.outputs = [_harmless(o) for o in cell.outputs if o.output_type != "execute_result"]
        if failed and not any(output.output_type == "error" for output in cell.outputs):
            cell.outputs.append(
                new_output("error", ename="NoPoints", evalue=failed, traceback=[failed])
            )
        return cell, self.resources

    def on_cell_executed(self, **told):
        super().on_cell_executed(**told)
        content = told["execute_reply"]["content"]
        timed_out = content.get("ename") == self.error_on_timeout["ename"]
        self._status = "timeout" if timed_out else content["status"]

    def process_message(self, msg, cell, cell_index):
        """Leave out what a cell prints beyond its limit."""
        if msg["msg_type"] in ("stream", "display_data", "execute_result", "update_display_data"):
            self._printed += len(str(msg["content"]))
            if self._printed > 1000 * self.printed_kb:
                return None
        return super().process_message(msg, cell, cell_index)

    def _get_timeout(self, cell):
        """Give what a student wrote, and tests, their time; other cells five times it."""
        others = cell is not None and not (utils.is_solution(cell) or utils.is_grade(cell))
        seconds = 5 * self.timeout if others else self.timeout
        return max(1, min(seconds, int(self._deadline - time.monotonic())))

    def _ask(self, expression):
        """Return what an expression is in the kernel, as text; no hook of a cell's sees it."""
        asked = {"it": expression}
        sent = self.kc.execute("", silent=True, store_history=False, user_expressions=asked)
        reply = self.wait_for_reply(run_sync(_awaited)(sent))
        found = reply["content"].get("user_expressions", {}) if reply else {}
        return found.get("it", {}).get("data", {}).get("text/plain", "")

    def _tested(self):
        told = self._ask(f"__import__('sys').modules[{GRADING!r}].tested")
        return told.isdecimal() and int(told) > 0

    # --- Kernels ----------------------------------------------------------------------------------

    async def async_start_new_kernel(self, **kwargs):
        scratch = str(self._places[1])
        env = {**os.environ, "TMPDIR": scratch, "IPYTHONDIR": scratch, "OMP_NUM_THREADS": "1"}
        limit = partial(limit_files, self.written_mb * MB)
        await super().async_start_new_kernel(env=env, preexec_fn=limit, **kwargs)

    start_new_kernel = run_sync(async_start_new_kernel)

    def _again(self, index):
        """Start a new kernel and run the cells before this one, but for those that spoilt one."""
        self._left -= 1
        self._kill()
        self._cleanup_kernel()
        self._killed = ""
        self.create_kernel_manager()
        self.start_new_kernel()
        self.start_new_kernel_client()
        if self._left < 0:
            return
        for n, cell in enumerate(self.nb.cells[:index]):
            if cell.cell_type == "code" and n not in self._skipped and not utils.is_grade(cell):
                try:
                    self._ask_for_real(cell)
                except (DeadKernelError, RuntimeError):
                    self._left = -1
                    return

    def _ask_for_real(self, cell):
        sent = self.kc.execute(cell.source, stop_on_error=False)
        self.wait_for_reply(run_sync(_awaited)(sent), cell)

    def _processes(self):
        pid = getattr(getattr(self.km, "provisioner", None), "pid", None)
        try:
            kernel = psutil.Process(pid) if pid else None
            return [kernel, *kernel.children(recursive=True)] if kernel else []
        except psutil.Error:
            return []

    def _kill(self):
        for process in self._processes():
            with suppress(psutil.Error):
                process.kill()

    # --- What is written --------------------------------------------------------------------------

    def _watch(self, mine):
        """End the kernel of a submission that writes or takes too much; until it is done."""
        while not self._done.wait(0.5):
            written, memory = _on_disk(self._places), 0
            for process in self._processes():
                try:
                    memory += process.memory_info().rss
                    counted = (
                        process.io_counters().write_chars if hasattr(process, "io_counters") else 0
                    )
                    written = max(written, counted)
                except psutil.Error:
                    pass
            if written > self.written_mb * MB:
                self._killed = f"more than {self.written_mb} MB were written"
            elif memory > self.memory_mb * MB:
                self._killed = f"more than {self.memory_mb} MB of memory were taken"
            else:
                continue
            self._kill()
            self._tidy(mine)

    def _tidy(self, mine):
        """Remove what the submission has written."""
        folder, scratch = self._places
        for path in [*folder.iterdir(), *scratch.iterdir()]:
            if path not in mine:
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


async def _awaited(sent):
    return await sent if hasattr(sent, "__await__") else sent


def _harmless(output):
    """Return a warning as a plain print: nbgrader takes whatever is on stderr for a failed test."""
    if output.output_type == "stream" and output.name == "stderr":
        output.name = "stdout"
    return output


def _on_disk(places):
    size = 0
    for place in places:
        for path in place.rglob("*"):
            with suppress(OSError):  # it is gone by now
                size += path.lstat().st_size
    return size


if sys.platform == "linux":  # each kernel forked from one process that has imported PyTorch
    os.environ.setdefault("JUPYTER_DEFAULT_PROVISIONER_NAME", "anl-edu-forked")
    os.environ.setdefault("OMP_NUM_THREADS", "1")

c = get_config()  # noqa: F821 - nbgrader gives it
c.CourseDirectory.course_id = "anl_edu"
c.ClearSolutions.code_stub = {"python": "# YOUR CODE HERE\n..."}
c.Execute.timeout = 60
steps = Autograde.class_traits()["autograde_preprocessors"].default()
c.Autograde.autograde_preprocessors = [Guarded if step is Execute else step for step in steps]
