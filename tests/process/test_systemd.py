"""test_systemd.py - the installed units: whole, sound by systemd's own judgement, and well shut in. That they run is shown by
tests/boot, which takes a machine of its own."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest
import stack

SERVICES = ["sluice-scheduler.service", "sluice-fetcher.service", "sluice-metricsd.service", "sluice-gateway@1.service"]
EXPOSURE = 20  # tenths, of 100


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Where the release has been installed, as a package would put it under /."""
    folder = tmp_path_factory.mktemp("root")
    build = stack.release_programs("sluicectl", "sluice-listen", "sluice-keys").parent
    subprocess.run(["cmake", "--install", build, "--prefix", "/usr"], check=True, stdout=subprocess.DEVNULL,
                   env=os.environ | {"DESTDIR": str(folder)})
    (folder / "etc").mkdir()
    for target in pathlib.Path("/lib/systemd/system").glob("*.target"):  # what units of ours name
        shutil.copy(target, folder / "usr/lib/systemd/system")
    return folder


def analyze(root, *arguments):
    return subprocess.run(["systemd-analyze", f"--root={root}", *arguments], capture_output=True, text=True, check=False)


def test_the_units_are_sound(root):
    verdict = analyze(root, "verify", "sluice.target", "sluice-gateway.socket", *SERVICES)
    assert (verdict.returncode, verdict.stdout + verdict.stderr) == (0, "")


@pytest.mark.parametrize("unit", SERVICES)
def test_each_is_shut_in(root, unit):
    verdict = analyze(root, "security", "--offline=yes", f"--threshold={EXPOSURE}", unit)
    print(verdict.stdout.splitlines()[-1])
    assert verdict.returncode == 0, verdict.stdout
    assert re.search(r"Overall exposure level", verdict.stdout)


def test_everything_that_the_units_name_is_installed(root):
    for unit in (root / "usr/lib/systemd/system").glob("sluice*"):
        text = unit.read_text(encoding="utf-8")
        assert "@prefix@" not in text
        for path in re.findall(r"^(?:ExecStart=|Documentation=file:)(\S+)", text, re.M):
            assert (root / path.lstrip("/")).is_file(), path
    assert "sluice - " in (root / "usr/lib/sysusers.d/sluice.conf").read_text(encoding="utf-8")
    assert "/run/sluice 0700 sluice sluice" in (root / "usr/lib/tmpfiles.d/sluice.conf").read_text(encoding="utf-8")
