"""test_compose_file.py - what of deploy/compose.yaml can be tested without an engine; deploy/test does the rest."""
import os
import re

import pytest
import stack
import yaml

COMPOSE = yaml.safe_load((stack.ROOT / "deploy/compose.yaml").read_text())
OURS = ["listener", "metricsd", "fetcher", "scheduler", "gateway", "simulator"]
# Not for everybody, or another thing in a container than outside of it.
PLACED = {"UPSTREAM_URL", "CLIENT_ID", "ADMIN_TOKEN", "ADMIN_TOKEN_FILE", "GATEWAY_BIND", "METRICSD_BIND", "FEED_ENDPOINT", "FEED_CURVE_CERT",
          "FEED_CURVE_CLIENTS", "SIMULATOR_PORT", "RUNTIME_DIR", "STATE_DIR", "CACHE_DIR",
          "GATEWAY_WORKERS", "SLUICECTL_URL", "SLUICECTL_METRICSD"}


def test_every_option_is_passed_on():
    options = set(re.findall(r"^#([A-Z_]+)=", (stack.ROOT / ".env.example").read_text(), re.M))
    assert set(COMPOSE["x-options"]) == options - PLACED
    assert not any(COMPOSE["x-options"].values()), "defaults are the programs' own"
    for name in ("metricsd", "fetcher", "scheduler", "gateway"):
        assert set(COMPOSE["x-options"]) <= set(COMPOSE["services"][name]["environment"]), name


def test_one_place_of_configuration():
    """docker-compose reads the .env beside its file: it is the one of deploy/run."""
    assert os.readlink(stack.ROOT / "deploy/.env") == "../.env"


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_every_service_is_confined(name):
    service = COMPOSE["services"][name]
    assert service["read_only"] and service["cap_drop"] == ["ALL"] and service["restart"] == "unless-stopped"
    assert service["security_opt"] == ["no-new-privileges:true"] and service["mem_limit"] and service["pids_limit"]
    assert "privileged" not in service and "cap_add" not in service
    for port in service.get("ports", []):
        assert port.startswith(("127.0.0.1:", "${GATEWAY_BIND:-127.0.0.1}:", "${METRICSD_BIND:-127.0.0.1}:")), port


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_images_are_ours_or_of_a_version(name):
    image = COMPOSE["services"][name]["image"]
    assert image.endswith(":${SLUICE_TAG:-local}") if name in OURS else re.search(r":v?\d+\.\d+\.\d+$", image), image
