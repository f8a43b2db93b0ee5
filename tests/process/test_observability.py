"""test_observability.py - deploy/observability: the rules by promtool, each alert firing and silent, and only metrics that a real stack has."""
import json
import re
import subprocess
import sys

import client
import cpf
import pytest
import yaml
from stack import ROOT, Stack, wait_for

FOLDER = ROOT / "deploy/observability"
HISTOGRAM_PARTS = "_bucket", "_sum", "_count"
TARGET = 'job="sluice",instance="127.0.0.1:5001"'
QUIET, BUSY = "0x80", "9x80"  # in promtool's notation: the value at every quarter of a minute, for 20 minutes
GROWS, FLAT = "0+1x80", "7x80"
EVAL = "20m"


# For each alert: series in which it fires, and series in which it does not. Names are without "sluice_".
ALERTS = {
    "SluiceMetricsdDown": [
        (True, {"up": QUIET}), (True, {}), (False, {"up": "1x80"}),
        (False, {"up": "1x77 0 0 0"})],  # a restart
    "SluiceProcessDown": [
        (True, {'up{process="scheduler"}': QUIET}), (True, {'up{process="gateway"}': "2x70 0x10"}),
        (False, {'up{process="fetcher"}': "1x80", 'up{process="simulator"}': QUIET}),
        (False, {'up{process="fetcher"}': "1x79 0"})],
    "SluiceProcessRestarts": [
        (True, {'process_starts_total{process="fetcher"}': "1x60 2x5 3x5 4x9"}),
        (False, {'process_starts_total{process="fetcher"}': "1x60 2x5 3x14"})],
    "SluiceMetricsdRestarts": [
        (True, {'process_starts_total{process="metricsd"}': "1x60 2x5 3x5 4x9"}),
        (False, {'process_starts_total{process="metricsd"}': "1x60 2x5 3x14"})],
    "SluiceQueueNearFull": [
        (True, {"scheduler_queue_length": "81x80", "scheduler_queue_limit": "100x80"}),
        (False, {"scheduler_queue_length": "80x80", "scheduler_queue_limit": "100x80"}),
        (False, {"scheduler_queue_length": "81x80", "scheduler_queue_limit": "1000x80"}),
        (False, {"scheduler_queue_length": "80x78 99 99", "scheduler_queue_limit": "100x80"})],
    "SluiceQueueFull": [
        (True, {'scheduler_refused_total{reason="queue_full"}': GROWS}),
        (True, {'scheduler_refused_total{reason="displaced"}': GROWS, 'scheduler_refused_total{reason="hold"}': FLAT}),
        (False, {'scheduler_refused_total{reason="queue_full"}': FLAT, 'scheduler_refused_total{reason="hold"}': GROWS,
                 'scheduler_refused_total{reason="client_full"}': GROWS})],  # one client's own bound
    "SluiceQueueOld": [
        (True, {'scheduler_queue_wait_seconds_bucket{le="16"}': "0+9x80",
                'scheduler_queue_wait_seconds_bucket{le="64"}': "0+10x80",
                'scheduler_queue_wait_seconds_bucket{le="+Inf"}': "0+10x80"}),
        (False, {'scheduler_queue_wait_seconds_bucket{le="16"}': "0+10x80",
                 'scheduler_queue_wait_seconds_bucket{le="64"}': "0+10x80",
                 'scheduler_queue_wait_seconds_bucket{le="+Inf"}': "0+10x80"}),
        (False, {'scheduler_queue_wait_seconds_bucket{le="16"}': QUIET,
                 'scheduler_queue_wait_seconds_bucket{le="64"}': "0x76 10 20 30 40",
                 'scheduler_queue_wait_seconds_bucket{le="+Inf"}': "0x76 10 20 30 40"}),
        (False, {'scheduler_queue_wait_seconds_bucket{le="16"}': FLAT,
                 'scheduler_queue_wait_seconds_bucket{le="+Inf"}': BUSY})],
    "SluiceNothingSent": [
        (True, {"scheduler_queue_length": BUSY, "scheduler_granted_total": FLAT, "scheduler_paused": QUIET,
                "scheduler_limiter_hold_seconds": QUIET, "scheduler_limiter_interval_seconds": "1x80"}),
        (False, {"scheduler_queue_length": BUSY, "scheduler_granted_total": GROWS}),
        (False, {"scheduler_queue_length": QUIET, "scheduler_granted_total": FLAT}),
        (False, {"scheduler_queue_length": "0x78 9 9", "scheduler_granted_total": FLAT}),
        (False, {"scheduler_queue_length": BUSY, "scheduler_granted_total": FLAT, "scheduler_paused": "1x80"}),
        (False, {"scheduler_queue_length": BUSY, "scheduler_granted_total": FLAT, "scheduler_limiter_hold_seconds": BUSY}),
        (False, {"scheduler_queue_length": BUSY, "scheduler_granted_total": FLAT,
                 "scheduler_limiter_interval_seconds": "600x80"})],
    "SluicePaused": [
        (True, {"scheduler_paused": "1x80"}), (False, {"scheduler_paused": "0x50 1x29"})],
    "SluiceHold": [
        (True, {"scheduler_limiter_hold_seconds": "0x60 300-15x19"}),
        (False, {"scheduler_limiter_hold_seconds": "0x60 60-15x4 0x15"}),
        (False, {"scheduler_limiter_hold_seconds": "0x74 300-15x5"})],
    "SluiceProviderRejects": [
        (True, {"scheduler_limited_total": "0x60 1 2 3 3x16"}), (False, {"scheduler_limited_total": "0x60 1 2 2x17"})],
    "SluiceUnexpectedRejects": [
        (True, {"scheduler_limiter_unexpected_total": "0x40 1x39"}), (False, {"scheduler_limiter_unexpected_total": FLAT})],
    "SluiceBreakerOpen": [
        (True, {"fetcher_breaker_state": "0x70 2 2 1 2 2 1 2 2 2"}), (False, {"fetcher_breaker_state": "0x70 2 2 1 0x7"}),
        (False, {"fetcher_breaker_state": "0x77 2 2 2"}), (False, {"fetcher_breaker_state": QUIET})],
    "SluiceBreakerFlaps": [
        (True, {"fetcher_breaker_opened_total": "0x20 1x20 2x20 3x17"}),
        (False, {"fetcher_breaker_opened_total": "5x20 6x20 7x38"})],
    "SluiceRetriesDenied": [
        (True, {"scheduler_retries_denied_total": "0x60 1x19"}), (False, {"scheduler_retries_denied_total": "0x20 1x59"})],
    "SluiceLimiterStateDegraded": [
        (True, {"scheduler_state_degraded": "0x70 1x9"}), (False, {"scheduler_state_degraded": "0x78 1 1"})],
    "SluiceCacheErrors": [
        (True, {"fetcher_cache_errors_total": "0x60 1x19"}), (False, {"fetcher_cache_errors_total": FLAT})],
    "SluiceEventsLost": [
        (True, {"metricsd_event_gaps_total": "0x60 5x19"}), (False, {"metricsd_event_gaps_total": FLAT})],
    "SluiceFeedDropped": [
        (True, {"metricsd_feed_dropped_total": "0x60 5x19"}), (False, {"metricsd_feed_dropped_total": FLAT})],
}


def promtool(*arguments):
    tool = subprocess.run([ROOT / "tests/support/promtool.sh"], capture_output=True, text=True, check=False)
    assert tool.returncode == 0, tool.stderr
    ran = subprocess.run([tool.stdout.strip(), *arguments], capture_output=True, text=True, check=False)
    return ran.returncode, ran.stdout + ran.stderr


def alerts():
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def dashboard():
    return json.loads((FOLDER / "grafana-dashboard.json").read_text())


def dashboard_expressions():
    return [target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", [])]


def series_name(name):
    name, _, labels = name.partition("{")
    labels = f"{TARGET},{labels}" if labels else TARGET + "}"
    return f"{name if (name, labels) == ('up', TARGET + '}') else 'sluice_' + name}{{{labels}"


def story(alert, fires, series):
    """One case of promtool's: is that alert firing at the end?"""
    expected = [{"labels": f'{{alertname="{alert}"}}', "value": 1}] if fires else []
    return {
        "name": f"{alert} fires={fires} {series}", "interval": "15s",
        "input_series": [{"series": series_name(name), "values": values} for name, values in series.items()],
        "promql_expr_test": [{"expr": f'count by (alertname) (ALERTS{{alertname="{alert}",alertstate="firing"}})',
                              "eval_time": EVAL, "exp_samples": expected}],
    }


def test_promtool_takes_rules_and_configuration():
    for what, file in [("rules", "alerts.yml"), ("config", "prometheus.yml"), ("config", "prometheus.compose.yml")]:
        status, said = promtool("check", what, FOLDER / file)
        assert status == 0, said
    assert f"{len(alerts())} rules found" in said  # the configuration names that file


@pytest.mark.parametrize("alert", ALERTS)
def test_it_fires_when_it_should_and_only_then(alert, tmp_path):
    cases = [story(alert, fires, series) for fires, series in ALERTS[alert]]
    assert {fires for fires, _ in ALERTS[alert]} == {True, False}
    alone = tmp_path / "rule.yml"  # the others would only take time
    alone.write_text(json.dumps({"groups": [{"name": alert, "rules": [alerts()[alert]]}]}))
    file = tmp_path / "stories.yml"
    file.write_text(json.dumps({"rule_files": [str(alone)], "evaluation_interval": "15s", "tests": cases}))
    status, said = promtool("test", "rules", file)
    assert status == 0, said


def test_every_alert_has_its_stories_and_its_row_for_operators():
    assert set(ALERTS) == set(alerts())
    table = (ROOT / "deploy/README.md").read_text()
    for name, rule in alerts().items():
        assert f"| `{name}` | {rule['labels']['severity']} |" in table
        assert len(rule["annotations"]["summary"]) > 20 and len(rule["annotations"]["description"]) > 100
    assert set(re.findall(r"`(Sluice\w+)`", table)) == set(alerts())


def test_the_dashboard_is_what_its_script_prints():
    printed = subprocess.run([sys.executable, FOLDER / "make_dashboard.py"], capture_output=True, text=True, check=True)
    assert printed.stdout == (FOLDER / "grafana-dashboard.json").read_text()


def test_the_dashboard_is_whole(tmp_path):
    board = dashboard()
    assert board["schemaVersion"] == 39
    variables = {variable["name"]: variable for variable in board["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    taken = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken and place["x"] + place["w"] <= 24, panel["title"]
        taken |= cells
    rules = [{"record": f"it:{number}", "expr": re.sub(r"\$(job|instance)", "x", expr.replace("$__rate_interval", "1m"))}
             for number, expr in enumerate(dashboard_expressions())]
    assert len(rules) > 40 and not any("$" in rule["expr"] for rule in rules)
    file = tmp_path / "expressions.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    status, said = promtool("check", "rules", file)
    assert status == 0, said


def test_only_metrics_that_a_stack_has():
    """And of their labels, only values that there are."""
    with Stack(RATE_LIMIT_SECONDS=0.02) as stack:
        assert stack.ask(cpf.make(1)).status == 200
        for port in (stack.port, stack.metricsd_port):
            answer = wait_for(lambda: (got := client.ask(port, "/metrics")).status == 200 and got, "metricsd has been heard")
            samples = re.findall(r"^(sluice_\w+)(\{.*\})? ", answer.body.decode(), re.M)
            check_names({name for name, _ in samples}, {name + labels for name, labels in samples})


def check_names(names, samples):
    queries = [variable["query"] for variable in dashboard()["templating"]["list"]]
    rules = [rule["expr"] for rule in alerts().values()]
    annotations = [text for rule in alerts().values() for text in rule["annotations"].values()]
    wanted = set(re.findall(r"sluice_\w+", " ".join([*rules, *annotations, *queries, *dashboard_expressions()])))
    families = {re.sub(f"({'|'.join(HISTOGRAM_PARTS)})$", "", name) for name in names}
    assert len(wanted) > 45
    assert wanted <= names | families, wanted - names - families
    assert not set(re.findall(r"sluice_\w+", " ".join([*rules, *dashboard_expressions()]))) - names, "a histogram without its part"
    selectors = re.findall(r'(sluice_\w+)\{(process|reason)=~"([\w|]+)"\}', " ".join(rules))
    assert len(selectors) >= 3
    for name, label, values in selectors:
        for value in values.split("|"):
            assert f'{name}{{{label}="{value}"}}' in samples
