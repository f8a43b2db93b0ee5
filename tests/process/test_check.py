"""--check refuses what would not start, and names the option."""
import subprocess

import pytest
from stack import BIN, clean_environment


def check(tmp_path, program, **options):
    return subprocess.run([str(BIN / f"sluice-{program}"), "--check"], cwd=tmp_path, capture_output=True, text=True,
                          env=clean_environment() | options, timeout=20)


@pytest.mark.parametrize("program, option, value", [
    ("fetcher", "UPSTREAM_URL", "foo"),
    ("fetcher", "UPSTREAM_URL", "ftp://127.0.0.1/"),
    ("fetcher", "UPSTREAM_URL", ""),
    ("metricsd", "FEED_ENDPOINT", "tcp://0.0.0.0:5556"),
    ("metricsd", "METRICSD_BIND", "nonsense"),
    ("metricsd", "GATEWAY_URL", "sluice.example"),
    ("metricsd", "SIMULATOR_URL", "http://a;script-src"),
    ("gateway", "GATEWAY_BIND", "nonsense"),
    ("gateway", "DASHBOARD_URL", "http://user@sluice.example/"),
    ("gateway", "GATEWAY_PORT", "65536"),
    ("scheduler", "QUEUE_POLICY", "lifo"),
])
def test_what_would_not_start_is_named(tmp_path, program, option, value):
    answer = check(tmp_path, program, **{option: value})
    assert answer.returncode == 1 and f"{option}: '{value}'" in answer.stderr


@pytest.mark.parametrize("program, options", [
    ("fetcher", {"UPSTREAM_URL": "https://score.example/api/score"}),
    ("metricsd", {"METRICSD_BIND": "::1"}),
    ("metricsd", {"GATEWAY_URL": "https://sluice.example/api/", "SIMULATOR_URL": "http://127.0.0.1:5555"}),
    ("gateway", {"DASHBOARD_URL": "https://sluice.example/board/"}),
    ("gateway", {"GATEWAY_BIND": "localhost"}),
    ("scheduler", {}),
])
def test_what_would_start_passes(tmp_path, program, options):
    answer = check(tmp_path, program, **options)
    assert answer.returncode == 0 and answer.stderr == ""


@pytest.mark.parametrize("content, options, why", [
    (None, {}, "No such file or directory"),
    (b"", {}, "it is empty"),
    (b"\n", {}, "it is empty"),
    (b"two words\n", {}, "ADMIN_TOKEN: '(hide)' is not visible ASCII"),
    (b"x" * 129, {}, "ADMIN_TOKEN: '(hide)' is not from 0 to 128 characters long"),
    (b"good\n", {"ADMIN_TOKEN": "another"}, "not beside ADMIN_TOKEN"),
    (b"good\n", {}, None),
])
def test_a_token_of_a_file(tmp_path, content, options, why):
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    answer = check(tmp_path, "gateway", ADMIN_TOKEN_FILE=str(file), **options)
    assert (answer.returncode == 1 and why in answer.stderr) if why else answer.returncode == 0
    assert check(tmp_path, "scheduler", ADMIN_TOKEN_FILE=str(file), **options).returncode == 0, "it is not its business"
