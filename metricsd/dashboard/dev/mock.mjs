// mock.mjs - plays metricsd with made-up numbers, for work on the page: `SCENE=hold node dev/mock.mjs`, then `npm run dev`,
// or `npm run build` and http://127.0.0.1:5001.
// Scenes: busy, idle, hold, breaker, probe, pause, full, scheduler_gone, fetcher_gone.
import fs from "node:fs";
import http from "node:http";

let scene = process.env.SCENE ?? "busy";
const table = fs.readFileSync(new URL("../../../common/metrics.def", import.meta.url), "utf8");
const reasons = [...fs.readFileSync(new URL("../../../common/reason.h", import.meta.url), "utf8").matchAll(/REASON\(\w+, "(\w+)"/g)].map((m) => m[1]);
const values = {}, quantiles = {}, series = {};
for (const [, p, n, l] of table.matchAll(/^METRIC\(\w+, \w+, "(\w+)", "(\w+)", "((?:[^"\\]|\\.)*)"/gm))
  values[`${p}.${n}${l ? `{${l.replaceAll("\\", "")}}` : ""}`] = 0;
for (const r of reasons) for (const p of ["gateway", "scheduler"]) values[`${p}.refused_total{reason="${r}"}`] = 0;
const latency = { "gateway.request_seconds": 4.2e6, "gateway.hit_seconds": 310, "scheduler.queue_wait_seconds": 3.9e6, "scheduler.dispatch_lateness_seconds": 900, "fetcher.upstream_seconds": 84e3 };
for (const [name, us] of Object.entries(latency))
  for (const [q, f] of [["p50", 1], ["p90", 1.5], ["p95", 1.9], ["p99", 2.6]]) quantiles[`${name}.${q}`] = us * f;
const now = () => Date.now() * 1000;
const S = (p, f) => Object.assign(series, Object.fromEntries(f.map((n) => [`${p}.${n}`, true])));
S("gateway", ["requests_total", "requests_successful_total", "requests_failed_total", "requests_dropped_total", "cache_hits_total", "cache_stale_total", "requests_waiting"]);
S("scheduler", ["queue_length", "waiters", "limited_total", "penalties_avoided_total", "limiter_hold_seconds"]);
S("fetcher", ["upstream_requests_total", "breaker_state"]);
S("metricsd", ["slots_saved_total", "event_gaps_total"]);
for (const name of Object.keys(latency).filter((n) => !n.includes("lateness"))) for (const q of ["p50", "p95", "p99"]) series[`${name}.${q}`] = true;
const sent = [], events = [], streams = new Set();
let seq = 0, feed = 0;
const epoch = "00000000000000aa";
let born = now(); // of the scene
const event = (process, name, more = {}) => (events.unshift({ id: ++feed, at_us: now(), process, epoch, seq: feed, event: name, lane: "score", value: 0, ...more }), (events.length = Math.min(events.length, 200)));
const point = (at, wave) => ({ at_us: at, values: Object.fromEntries(Object.keys(series).map((n) => [n, n.includes("requests_total") && n[0] === "g" ? Math.round(5 + 4 * wave) : n.includes("upstream_requests") ? 1 : n.includes("hits") ? Math.round(2 + 2 * wave) : /p\d\d$/.test(n) ? (quantiles[n] ?? 1e5) * (1 + wave / 2) : n.includes("successful") ? Math.round(4 + 3 * wave) : n.includes("queue_length") ? 14 : 0])) });
const binds = () => ["hold", "breaker", "probe", "pause", "scheduler_gone", "fetcher_gone"].includes(scene);

function tick() {
  const at = now(), n = scene === "idle" ? 0 : scene === "full" ? 100 : 14;
  seq++;
  if (!binds() && scene !== "idle") {
    const last = sent.at(-1);
    if (last) last.outcome = seq % 17 === 0 ? "failed" : "answered";
    sent.push({ at_us: at, gap_us: last ? at - last.at_us : null, late_us: 400, attempt: seq, outcome: "flying" });
    if (sent.length > 60) sent.shift();
    event("fetcher", "sent", { attempt: seq, value: 400, request: "5b7a1c" });
    event("scheduler", "answered", { attempt: seq, value: 84000, reason: "none" });
  }
  Object.assign(values, {
    "gateway.requests_total": 1200 + 6 * seq, "gateway.requests_successful_total": 1100 + 5 * seq, "gateway.requests_failed_total": 20, "gateway.requests_dropped_total": 40,
    "gateway.requests_waiting": n + 2, "gateway.cache_hits_total": 400 + 3 * seq, "gateway.cache_misses_total": 500 + 2 * seq, "gateway.cache_stale_total": 12, "gateway.connections": n + 9,
    "scheduler.queue_length": n, "scheduler.queue_limit": 100, "scheduler.queue_length_max": 61, "scheduler.waiters": n + 1, "scheduler.limiter_interval_seconds": 1e6, "scheduler.penalties_avoided_total": 700 + seq,
    "scheduler.limiter_hold_seconds": scene === "hold" ? Math.max(0, born + 30e6 - at) : 0, "scheduler.limited_total": scene === "hold" ? 1 : 0, "scheduler.paused": scene === "pause" ? 1 : 0, "scheduler.fetcher_up": scene === "fetcher_gone" ? 0 : 1,
    "fetcher.upstream_requests_total": 500 + seq, "fetcher.breaker_state": { breaker: 2, probe: 1 }[scene] ?? 0, "metricsd.slots_saved_total": 410 + 3 * seq, "metricsd.cache_hit_ppm": 612000, "fetcher.cache_entries": 214,
    'gateway.refused_total{reason="queue_full"}': 31, 'gateway.refused_total{reason="deadline_unmeetable"}': 9, 'gateway.refused_total{reason="upstream_timeout"}': 4,
  });
}
function state() {
  const at = now(), n = scene === "idle" ? 0 : scene === "full" ? 100 : 14, up = (p) => !scene.startsWith(p) || !scene.endsWith("_gone");
  const views = { "fetcher.breaker": { state: { breaker: "open", probe: "half_open" }[scene] ?? "closed", failures: binds() ? 3 : 0, fail_max: 3, last_reason: "upstream_timeout", opened_at_us: scene === "breaker" ? born : null, probe_at_us: scene === "breaker" ? born + 30e6 : null, tripped: false } };
  if (up("scheduler")) {
    views["scheduler.queue"] = { policy: "fifo", policies: ["fifo", "priority", "fair"], paused: scene === "pause", window_ms: 1000, total: n, requests: Array.from({ length: Math.min(n, 50) }, (_, i) => ({ id: `00000000000000bb-${String(i + seq).padStart(16, "0")}`, lane: "score", priority: i % 5 === 0 ? 0 : 10, client: (0x9e3779b97f4a7c15n * BigInt(1 + (i % 4)) & 0xffffffffffffffffn).toString(16).padStart(16, "0"), age_ms: 14000 - 900 * i, remaining_ms: 40000, position: i + 1, eta_ms: scene === "pause" ? null : 1000 * i + 400, shared: i % 6 === 5 })) };
    views["scheduler.clients"] = { top: [8, 4, 2].map((k, i) => ({ client: (0x9e3779b97f4a7c15n * BigInt(1 + i) & 0xffffffffffffffffn).toString(16).padStart(16, "0"), waiting: k, submitted: 400 * k, served: 380 * k, refused: k })), other: { clients: 12, waiting: 0, submitted: 60, served: 58, refused: 2 } };
  }
  const of = (process, instance = 0) => ({ process, instance, epoch: `${epoch.slice(0, 15)}${instance}`, pid: 4711 + instance, up: up(process), uptime_us: at - born, silent_us: up(process) ? 4e5 : at - born, events: feed, events_lost: 0 });
  return { schema: 2, version: "0.1.0", epoch, seq, at_us: at, processes: [of("gateway"), of("gateway", 1), of("scheduler"), of("fetcher"), of("metricsd")], values, quantiles, windows: { "1m": { ...quantiles, ...Object.fromEntries(Object.keys(latency).map((k) => [`${k}.count`, 57])) }, "15m": { ...quantiles, ...Object.fromEntries(Object.keys(latency).map((k) => [`${k}.count`, 840])) } }, slots: { window_us: 1e6, burst: 1, sent, smallest_gap_us: 1000420, violations: 0 }, views, links: { gateway: "http://127.0.0.1:5000", simulator: "http://127.0.0.1:5555" }, events };
}
const send = (to, name, data) => to.write(`event: ${name}\nid: ${epoch}-${feed}\ndata: ${JSON.stringify(data)}\n\n`);
for (let i = 0; i < 20; i++) { tick(); if (sent.at(-1)) sent.at(-1).at_us -= (20 - i) * 1003000; }
setInterval(() => {
  const before = feed;
  tick();
  const { events: _e, ...rest } = state();
  for (const to of streams) {
    send(to, "delta", { ...rest, point: point(now(), Math.sin(seq / 20) / 2 + 0.5) });
    send(to, "events", { events: events.filter((e) => e.id > before).reverse(), skipped: 0 });
  }
}, 1003);
http.createServer((request, response) => {
  const url = new URL(request.url, "http://x");
  if (url.pathname === "/scene") { scene = url.searchParams.get("is"); born = now(); response.end(scene); return; }
  if (url.pathname === "/api/stream") {
    response.writeHead(200, { "content-type": "text/event-stream" });
    streams.add(response);
    request.on("close", () => streams.delete(response));
    send(response, "state", state());
    return;
  }
  if (!url.pathname.startsWith("/api/")) { // what is built, with the page's real policy
    const name = url.pathname === "/" ? "index.html" : url.pathname.slice(1), file = new URL(name, new URL(`${process.env.DIST ?? "dist"}/`, `file://${process.cwd()}/`));
    if (!fs.existsSync(file)) { response.writeHead(404).end(); return; }
    response.setHeader("content-security-policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:");
    response.setHeader("content-type", { html: "text/html", js: "text/javascript", css: "text/css" }[name.split(".").pop()]);
    response.end(fs.readFileSync(file));
    return;
  }
  response.setHeader("content-type", "application/json");
  if (url.pathname === "/api/history") {
    const long = url.searchParams.get("span") === "24h", count = long ? 1440 : 900, step = long ? 6e7 : 1e6;
    const points = Array.from({ length: count }, (_, i) => point(0, Math.sin(i / 40) / 2 + 0.5).values);
    response.end(JSON.stringify({ schema: 1, step_us: step, end_at_us: now(), series: Object.fromEntries(Object.keys(series).map((n) => [n, points.map((p) => p[n])])) }));
  } else response.end(JSON.stringify(state()));
}).listen(Number(process.env.PORT ?? 5001), "127.0.0.1");
