"""conftest.py - what tests of several files use."""
import pathlib
import subprocess

import pytest
from foreign import Metricsd
from stack import check_log, release_programs


@pytest.fixture
def wall_clock(tmp_path):
    """Steps the host's wall clock, for a stack that is started with these options; its monotonic clock goes on."""
    library = subprocess.run(["dpkg", "-L", "libfaketime"], capture_output=True, text=True, check=True).stdout
    offset = tmp_path / "offset"

    class WallClock:
        options = {"LD_PRELOAD": next(line for line in library.split() if line.endswith("/libfaketime.so.1")),
                   "FAKETIME_TIMESTAMP_FILE": str(offset), "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                   "FAKETIME_NO_CACHE": "1", "SLUICE_BIN": str(release_programs())}

        @staticmethod
        def step(seconds):
            fresh = pathlib.Path(f"{offset}.new")
            fresh.write_text(f"{seconds:+d}\n")
            fresh.rename(offset)

    WallClock.step(0)
    return WallClock


@pytest.fixture
def metricsd(tmp_path):
    it = Metricsd(tmp_path).start()
    yield it
    assert it.process.running() or it.process.killed, f"metricsd died:\n{it.process.log_text()[-4000:]}"
    assert it.process.stop() == 0 or it.process.killed
    it.context.destroy(linger=0)
    check_log("metricsd", it.process.log_text())
