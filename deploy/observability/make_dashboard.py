#!/usr/bin/python3
"""make_dashboard.py: prints grafana-dashboard.json, which is kept beside it, from the table of panels below.

    deploy/observability/make_dashboard.py > deploy/observability/grafana-dashboard.json
"""
import json

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS = 24
GREEN, YELLOW, RED = "green", "yellow", "red"


def rate(name, by=None):
    """A second; summed over its labels, or over all but one."""
    kept = f" by ({by})" if by else ""
    return f"sum{kept} (rate(sluice_{name}{{$which}}[$__rate_interval]))"


def gauge(name):
    return f"max(sluice_{name}{{$which}})"


def quantiles(name):
    inner = rate(f"{name}_bucket", "le")
    return [(f"{percent} %", f"histogram_quantile({percent / 100:g}, {inner})") for percent in (50, 95, 99)]


def steps(*more):
    """A value's colour: green, and each next one from its value on."""
    return [{"color": GREEN, "value": None}, *({"color": color, "value": value} for value, color in more)]


BREAKER = {"0": ("closed", GREEN), "1": ("half-open", YELLOW), "2": ("open", RED)}
YES = {"0": ("no", GREEN), "1": ("yes", RED)}

# Rows of panels: kind, title, width, unit, [(legend, expression)], more: steps, names of values, help.
ROWS = [
    ("Now", 4, [
        ("stat", "Queue", 3, "short", [("", gauge("scheduler_queue_length"))], {"steps": steps((50, YELLOW), (80, RED))}),
        ("stat", "Breaker", 3, "short", [("", gauge("fetcher_breaker_state"))], {"values": BREAKER}),
        ("stat", "Hold, time left", 3, "s", [("", gauge("scheduler_limiter_hold_seconds"))],
         {"steps": steps((0.001, RED)), "help": "How long the provider keeps all sends back"}),
        ("stat", "Paused", 3, "short", [("", gauge("scheduler_paused"))], {"values": YES}),
        ("stat", "Rejections (429), 1 h", 3, "short",
         [("", "sum(increase(sluice_scheduler_limited_total{$which}[1h]))")], {"steps": steps((0.5, RED))}),
        ("stat", "Hit ratio", 3, "percentunit", [("", f"{gauge('metricsd_cache_hit_ppm')} / 1e6")],
         {"help": "Of the requests that were looked up since metricsd started, the share that the cache answered at once"}),
        ("stat", "Slots saved, 1 h", 3, "short",
         [("", "sum(increase(sluice_metricsd_slots_saved_total{$which}[1h]))")],
         {"help": "Requests that were answered without a slot of their own"}),
        ("stat", "Penalties avoided, 1 h", 3, "short",
         [("", "sum(increase(sluice_scheduler_penalties_avoided_total{$which}[1h]))")],
         {"help": "Requests that would have met the provider's closed window, had they been forwarded at once"}),
    ]),
    ("Queue and slots", 8, [
        ("timeseries", "Queue", 8, "short", [
            ("calls that wait", gauge("scheduler_queue_length")),
            ("at most", gauge("scheduler_queue_limit")),
            ("requests that wait", gauge("scheduler_waiters")),
            ("in the pause before a retry", gauge("scheduler_retries_waiting"))], {}),
        ("timeseries", "Slots", 8, "reqps", [
            ("granted", rate("scheduler_granted_total")),
            ("given back unspent", rate("scheduler_returned_total")),
            ("saved by the cache at the last look", rate("fetcher_cache_saved_total")),
            ("one in each interval", f"1 / {gauge('scheduler_limiter_interval_seconds')}")],
         {"help": "With RATE_LIMIT_BURST=n, n slots fit into an interval"}),
        ("timeseries", "Interval and next slot", 8, "s", [
            ("interval", gauge("scheduler_limiter_interval_seconds")),
            ("until the next slot", gauge("scheduler_limiter_next_slot_seconds")),
            ("d, lower bound of the round trip", gauge("scheduler_limiter_round_trip_bound_seconds")),
            ("G, upper bound of the lateness", gauge("scheduler_limiter_lateness_bound_seconds"))], {}),
    ]),
    ("How long it takes", 8, [
        ("timeseries", "Wait for a slot", 6, "s", quantiles("scheduler_queue_wait_seconds"), {}),
        ("timeseries", "At the provider", 6, "s", quantiles("fetcher_upstream_seconds"), {}),
        ("timeseries", "Whole request, without hits", 6, "s", quantiles("gateway_request_seconds"), {}),
        ("timeseries", "Dispatch lateness", 6, "s", quantiles("scheduler_dispatch_lateness_seconds"),
         {"help": "From the moment a send was allowed, with work waiting, to the send"}),
    ]),
    ("Requests and cache", 8, [
        ("timeseries", "Requests", 8, "reqps", [
            ("all", rate("gateway_requests_total")), ("successful", rate("gateway_requests_successful_total")),
            ("failed", rate("gateway_requests_failed_total")), ("dropped", rate("gateway_requests_dropped_total"))], {}),
        ("timeseries", "Cache", 8, "reqps", [
            ("fresh hits", rate("gateway_cache_hits_total")), ("stale answers", rate("gateway_cache_stale_total")),
            ("misses", rate("gateway_cache_misses_total")), ("shared calls", rate("scheduler_coalesced_total")),
            ("slots saved", rate("metricsd_slots_saved_total"))], {}),
        ("timeseries", "Refusals by reason", 8, "reqps",
         [("{{reason}}", f"{rate('gateway_refused_total', 'reason')} > 0")], {}),
    ]),
    ("Provider", 8, [
        ("timeseries", "Answers", 6, "reqps", [
            ("{{class}}", rate("fetcher_upstream_responses_total", "class")),
            ("none", rate("fetcher_upstream_errors_total")), ("slow", rate("fetcher_upstream_slow_total"))], {}),
        ("timeseries", "Breaker", 6, "short", [
            ("state: 1 half-open, 2 open", gauge("fetcher_breaker_state")),
            ("consecutive failures", gauge("fetcher_breaker_failures"))], {}),
        ("timeseries", "Holds and rejections", 6, "short", [
            ("hold, seconds left", gauge("scheduler_limiter_hold_seconds")),
            ("rejections a minute", f"60 * {rate('scheduler_limited_total')}"),
            ("unexpected ones a minute", f"60 * {rate('scheduler_limiter_unexpected_total')}")], {}),
        ("timeseries", "Retries", 6, "reqps", [
            ("failed", rate("scheduler_failed_total")), ("made again", rate("scheduler_retries_total")),
            ("denied, budget used up", rate("scheduler_retries_denied_total"))], {}),
    ]),
    ("Processes", 8, [
        ("timeseries", "Up", 6, "short", [("{{process}}", "sum by (process) (sluice_up{$which})")], {}),
        ("timeseries", "Age", 6, "s", [
            ("{{process}} {{exported_instance}}", "time() - sluice_process_start_time_seconds{$which}")], {}),
        ("timeseries", "What should stay at nothing", 6, "short", [
            ("events lost", rate("metricsd_event_gaps_total")), ("feed dropped", rate("metricsd_feed_dropped_total")),
            ("bad messages", rate("metricsd_bad_messages_total")), ("cache errors", rate("fetcher_cache_errors_total")),
            ("limiter state degraded", gauge("scheduler_state_degraded"))], {}),
        ("timeseries", "Events and connections", 6, "short", [
            ("events a second", rate("metricsd_events_total")),
            ("client connections", gauge("gateway_connections"))], {}),
    ]),
]


def variable(name, label, kind, query):
    return {"name": name, "label": label, "type": kind, "query": query, "hide": 0, "refresh": 1}


def panel(number, place, kind, title, unit, targets, more):
    defaults = {"unit": unit, "min": 0, "thresholds": {"mode": "absolute", "steps": more.get("steps", steps())}}
    if "values" in more:
        options = {value: {"text": text, "color": color} for value, (text, color) in more["values"].items()}
        defaults["mappings"] = [{"type": "value", "options": options}]
    options = {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}}
    if kind == "stat":
        options = {"colorMode": "value", "graphMode": "area", "reduceOptions": {"calcs": ["lastNotNull"]}}
    return {
        "id": number, "type": kind, "title": title, "description": more.get("help", ""), "gridPos": place,
        "datasource": DATASOURCE, "fieldConfig": {"defaults": defaults, "overrides": []}, "options": options,
        "targets": [{"refId": chr(ord("A") + i), "datasource": DATASOURCE, "legendFormat": legend,
                     "expr": expression.replace("$which", 'job="$job",instance=~"$instance"')}
                    for i, (legend, expression) in enumerate(targets)],
    }


def panels():
    top = 0
    numbers = iter(range(1, 1000))
    for title, height, row in ROWS:
        yield {"id": next(numbers), "type": "row", "title": title, "collapsed": False, "panels": [],
               "gridPos": {"x": 0, "y": top, "w": COLUMNS, "h": 1}}
        left = 0
        for kind, name, width, unit, targets, more in row:
            place = {"x": left, "y": top + 1, "w": width, "h": height}
            yield panel(next(numbers), place, kind, name, unit, targets, more)
            left += width
        top += 1 + height


def dashboard():
    instances = variable("instance", "Stack", "query", 'label_values(sluice_build_info{job="$job"}, instance)')
    return {
        "uid": "sluice", "title": "Sluice", "tags": ["sluice"], "schemaVersion": 39, "version": 1, "editable": True,
        "time": {"from": "now-1h", "to": "now"}, "refresh": "15s", "timezone": "browser",
        "templating": {"list": [
            variable("datasource", "Data source", "datasource", "prometheus"),
            variable("job", "Job", "query", "label_values(sluice_build_info, job)") | {"datasource": DATASOURCE},
            instances | {"datasource": DATASOURCE, "includeAll": True, "multi": True},
        ]},
        "panels": list(panels()),
    }


if __name__ == "__main__":
    print(json.dumps(dashboard(), indent=1))
