// page.js - fetches /api/state once a second and writes it down. Everything is set as text, never as markup.
"use strict";

const PERIOD_MS = 1000;
const PATIENCE_MS = 3000;
const BREAKER = ["closed", "half-open: one probe decides", "open"];
const LATENCIES = [
  ["gateway.request_seconds", "Request to answer (misses)"],
  ["gateway.hit_seconds", "Request to answer (cache hits)"],
  ["scheduler.queue_wait_seconds", "Wait in the queue"],
  ["fetcher.upstream_seconds", "Provider"],
  ["scheduler.dispatch_lateness_seconds", "Dispatch lateness"],
];

let lastGood = null;

function element(id) {
  return document.getElementById(id);
}

function duration(us) {
  if (us === 0) return "0";
  if (us < 1000) return `${us} µs`;
  if (us < 1e6) return `${(us / 1000).toFixed(us < 1e4 ? 2 : 0)} ms`;
  if (us < 6e7) return `${(us / 1e6).toFixed(2)} s`;
  const seconds = Math.round(us / 1e6);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

function clock(date) {
  return date.toLocaleTimeString("en-GB");
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text; // a status that repeats itself is not read out again
}

function fillList(id, rows) {
  const list = element(id);
  const nodes = rows.flatMap(([name, value, bad]) => {
    const term = document.createElement("dt");
    const detail = document.createElement("dd");
    term.textContent = name;
    detail.textContent = value;
    if (bad) detail.className = "bad";
    return [term, detail];
  });
  list.replaceChildren(...nodes);
}

function fillTable(id, rows) {
  const body = element(id);
  const nodes = rows.map((cells) => {
    const row = document.createElement("tr");
    row.append(...cells.map((cell) => {
      const node = document.createElement("td");
      node.textContent = cell;
      return node;
    }));
    return row;
  });
  body.replaceChildren(...nodes);
}

function reasonToWait(v) {
  const queue = v["scheduler.queue_length"];
  const hold = v["scheduler.limiter_hold_seconds"];
  if (v["scheduler.up"] === 0) return "The scheduler is away: requests wait until it is back or their deadline comes.";
  if (v["scheduler.fetcher_up"] === 0) return "No fetcher is connected: nothing can be sent to the provider.";
  if (v["fetcher.breaker_state"] === 2) return "The circuit breaker is open: the provider is failing and is left alone.";
  if (v["fetcher.breaker_state"] === 1) return "The circuit breaker is half-open: a single probe tries the provider.";
  if (hold > 0) return `The provider asked to wait: ${duration(hold)} more.`;
  if (queue > 0) {
    return `${queue} upstream ${queue === 1 ? "call waits" : "calls wait"} for a slot; ` +
      `the next is in ${duration(v["scheduler.limiter_next_slot_seconds"])}, ` +
      `then one every ${duration(v["scheduler.limiter_interval_seconds"])}.`;
  }
  return "Nothing waits.";
}

function showCards(v) {
  const breaker = v["fetcher.breaker_state"];
  setText(element("why"), reasonToWait(v));
  fillList("slot", [
    ["Next send allowed in", duration(v["scheduler.limiter_next_slot_seconds"])],
    ["Hold by the provider", duration(v["scheduler.limiter_hold_seconds"]), v["scheduler.limiter_hold_seconds"] > 0],
    ["Window", duration(v["scheduler.limiter_interval_seconds"])],
    ["Round trip at least (d)", duration(v["scheduler.limiter_round_trip_bound_seconds"])],
    ["Lateness at most (G)", duration(v["scheduler.limiter_lateness_bound_seconds"])],
  ]);
  fillList("queue", [
    ["Upstream calls waiting", v["scheduler.queue_length"]],
    ["Longest so far", v["scheduler.queue_length_max"]],
    ["Requests waiting", v["scheduler.waiters"]],
    ["Shared a call", v["scheduler.coalesced_total"]],
    ["Left by their client", v["scheduler.cancelled_total"]],
  ]);
  fillList("breaker", [
    ["State", BREAKER[breaker] ?? `unknown (${breaker})`, breaker !== 0],
    ["Consecutive failures", v["fetcher.breaker_failures"]],
    ["Times opened", v["fetcher.breaker_opened_total"]],
  ]);
  fillList("requests", [
    ["Total", v["gateway.requests_total"]],
    ["Successful", v["gateway.requests_successful_total"]],
    ["Failed", v["gateway.requests_failed_total"]],
    ["Dropped", v["gateway.requests_dropped_total"]],
    ["Waiting", v["gateway.requests_waiting"]],
    ["Cache hits", v["gateway.cache_hits_total"]],
    ["Stale answers", v["gateway.cache_stale_total"]],
    ["Cache misses", v["gateway.cache_misses_total"]],
  ]);
  fillList("upstream", [
    ["Requests sent", v["fetcher.upstream_requests_total"]],
    ["Answered", v["scheduler.answered_total"]],
    ["Rejected as too early", v["scheduler.limited_total"], v["scheduler.limited_total"] > 0],
    ["Penalties avoided", v["scheduler.penalties_avoided_total"]],
    ["Failed", v["scheduler.failed_total"]],
    ["Slots given back unused", v["scheduler.returned_total"]],
    ["Connections opened", v["fetcher.upstream_connects_total"]],
  ]);
}

function showRefusals(v) {
  const rows = Object.entries(v)
    .map(([key, count]) => [/^gateway\.refused_total\{reason="(.*)"\}$/.exec(key)?.[1], count])
    .filter(([reason, count]) => reason && count > 0)
    .sort((a, b) => b[1] - a[1]);
  fillList("refusals", rows.length > 0 ? rows : [["None", ""]]);
}

function showTables(state) {
  const { values, quantiles } = state;
  fillTable("latency", LATENCIES.map(([key, name]) => {
    const count = values[`${key}.count`];
    const points = ["p50", "p90", "p95", "p99"].map((p) => (count > 0 ? `≤ ${duration(quantiles[`${key}.${p}`])}` : "–"));
    return [name, count, ...points];
  }));
  fillTable("processes", state.processes
    .filter((p) => p.up || p.silent_us < 6e7)
    .sort((a, b) => a.process.localeCompare(b.process) || a.instance - b.instance || a.silent_us - b.silent_us)
    .map((p) => [`${p.process} ${p.instance}`, p.up ? "up" : "gone", p.pid || "–", p.epoch, duration(p.uptime_us),
      `${duration(p.silent_us)} ago`, p.events, p.events_lost]));
  fillTable("events", state.events.map((e) => [clock(new Date(e.at_us / 1000)), e.process, e.event,
    e.request ?? "", e.attempt ?? "", e.reason ?? "", e.value]));
}

async function refresh() {
  const age = element("age");
  try {
    const answer = await fetch("/api/state", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const state = await answer.json();
    showCards(state.values);
    showRefusals(state.values);
    showTables(state);
    setText(element("version"), `Sluice ${state.version}`);
    lastGood = new Date();
    age.className = "";
    setText(age, "Live");
  } catch {
    age.className = "stale";
    setText(age, lastGood ? `Stale since ${clock(lastGood)}: metricsd does not answer. Trying again every second.`
      : "metricsd does not answer. Trying again every second.");
  }
  setTimeout(refresh, PERIOD_MS);
}

refresh();
