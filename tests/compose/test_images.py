"""test_images.py - the images themselves: how big, what is not in them, and that each program runs confined and alone."""
import io
import json
import pathlib
import re
import subprocess
import tarfile

import pytest
from compose import TAG, docker
from stack import wait_for

MOST_ABOVE_BASE = 60 * 10**6
SLUICE, SIMULATOR, LISTENER = IMAGES = [f"sluice:{TAG}", f"sluice-simulator:{TAG}", f"sluice-listener:{TAG}"]
UNWANTED = re.compile(r"(^|/)(cc1|gcc[-0-9.]*|g\+\+.*|clang.*|ld|as|make|cmake|npm|node|nodejs|npx|python3?|curl|wget|\.npmrc"
                      r"|\.(ba|a)?sh_history|\.env|\.git|\.ssh|id_rsa|build\.crt)$|(^|/)node_modules/|\.gcda$|(^|/)src/[^/]+\.c$")
PROGRAMS = ["sluice-gateway", "sluice-scheduler", "sluice-fetcher", "sluice-metricsd"]
CONFINED = ["--read-only", "--user", "65534", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--network", "none",
            "--tmpfs", "/run/sluice:uid=65534,mode=0700", "--tmpfs", "/var/lib/sluice:uid=65534,mode=0700"]


def inspect(image):
    return json.loads(docker("image", "inspect", image))[0]


def files(image):
    """Of every layer: also what a later one has taken away."""
    saved = subprocess.run(["docker", "save", image], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(saved)) as archive:
        manifest = json.load(archive.extractfile("manifest.json"))
        for layer in manifest[0]["Layers"]:
            with tarfile.open(fileobj=archive.extractfile(layer)) as content:
                yield from content


def test_size():
    base = inspect("debian:bookworm-slim")["Size"]
    for image in IMAGES[:2]:
        above = inspect(image)["Size"] - base
        print(f"{image}: {above / 1e6:.1f} MB above its base of {base / 1e6:.1f} MB")
        assert 0 < above <= MOST_ABOVE_BASE
    print(f"sluice-listener: {inspect(LISTENER)['Size'] / 1e6:.1f} MB in all")


@pytest.mark.parametrize("image", IMAGES)
def test_nothing_unwanted_in_any_layer(image):
    found = list(files(image))
    assert any(member.name.startswith(("usr/local/bin/sluice-", "sluice-container")) for member in found)
    assert [member.name for member in found if member.isfile() and UNWANTED.search(member.name)] == []
    mine = [member for member in found if "sluice" in member.name]
    assert [member.name for member in mine if member.mode & 0o6022] == []
    assert ("sluice-simulator" in {pathlib.PurePath(member.name).name for member in found}) == (image == SIMULATOR)


@pytest.mark.parametrize("image", IMAGES)
def test_nothing_secret_in_the_history(image):
    config = inspect(image)
    assert config["Config"]["User"] == "65534:65534"
    told = docker("history", "--no-trunc", image) + json.dumps(config["Config"])
    assert not re.search(r"BEGIN|BUILD_CA|TOKEN|PASSWORD|SECRET|_authToken", told)
    assert config["Config"]["Labels"]["org.opencontainers.image.title"].startswith("sluice")
    assert config["Config"]["Healthcheck"]["Test"][0] == "CMD", "needs a shell"


def run_alone(image, *command, ready):
    """As process 1 of a container of its own: it says that it is ready, and SIGTERM ends it with 0."""
    container = docker("run", "-d", *CONFINED, "-e", "UPSTREAM_URL=http://127.0.0.1:1/api/score", image, *command).strip()
    try:
        wait_for(lambda: ready in docker("logs", container, check=False), f"{command} is ready", 20)
        docker("stop", "-t", "15", container)
        state = json.loads(docker("inspect", container))[0]["State"]
        assert state["ExitCode"] == 0, (state, docker("logs", container, check=False))
    finally:
        docker("rm", "-f", container)


@pytest.mark.parametrize("program", PROGRAMS)
def test_runs_confined_and_alone(program):
    run_alone(SLUICE, program, ready=f"READY {program.removeprefix('sluice-')}")


def test_simulator_runs_confined_and_alone():
    run_alone(SIMULATOR, ready="READY simulator")


def test_listener_runs_confined_and_alone():
    run_alone(LISTENER, ready="READY listener")


def test_sluicectl_runs_confined():
    assert docker("run", "--rm", *CONFINED, SLUICE, "sluicectl", "--version").startswith("sluicectl ")
