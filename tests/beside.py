"""Programs of this folder that run beside the tests, from the beginning of the session.

They kill processes, fill disks and restart schedulers, which takes some seconds each and mostly
leaves the other cores alone. A test that reads one carries the mark `program` and takes the fixture
`told`: it waits until the program has ended.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import pytest
from places import ROOT, TESTS

LONGEST = 250  # seconds for a program
AT_ONCE = max(1, min(3, (os.cpu_count() or 1) - 1))  # beside the tests themselves


class Programs:
    """Each is called with its arguments and a folder, and prints JSON as its last line."""

    def __init__(self):
        self.found, self.running = {}, set()
        self.pool = ThreadPoolExecutor(AT_ONCE)
        # other hashes of texts than here: nothing that is found may depend on them
        self.env = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "12345"}

    def start(self, *command, needs=None):
        """Let it run when it is its turn, once however often it is asked for."""
        if command not in self.found and not _missing(needs):
            self.found[command] = self.pool.submit(self._run, command)

    def told(self, *command, needs=None):
        """What the program printed; waits for its end."""
        if reason := _missing(needs):
            pytest.skip(reason)
        self.start(*command, needs=needs)
        return self.found[command].result()

    def stop(self):
        """End what still runs, as after Ctrl-C or with `pytest -x`."""
        self.pool.shutdown(wait=False, cancel_futures=True)
        for process in tuple(self.running):
            process.terminate()

    def _run(self, command):
        file, *arguments = command
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            Path(folder).chmod(0o755)  # some work as another user, who is to read in it
            process = subprocess.Popen(
                [sys.executable, TESTS / file, *arguments, folder],
                cwd=ROOT, env=self.env, text=True, start_new_session=True,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip
            self.running.add(process)
            try:
                output, errors = process.communicate(timeout=LONGEST)
            finally:
                with suppress(ProcessLookupError):  # what it started and left
                    os.killpg(process.pid, signal.SIGKILL)
                self.running.discard(process)
        assert process.returncode == 0, errors[-3000:]
        return json.loads(output.splitlines()[-1])


def _missing(needs):
    """Why a program can not run here, or ""."""
    if sys.platform == "win32":
        return "uses signals and fork"
    return f"{needs} is not installed" if needs and not find_spec(needs) else ""
