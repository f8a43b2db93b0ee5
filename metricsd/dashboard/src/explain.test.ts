import { expect, test } from "vitest";

import { explain, parameters } from "./explain";

test("parameters of a structured field", () => {
  expect(parameters('sluice; error=connection_timeout; details="upstream_connect_timeout"')).toEqual({
    name: "sluice", given: { error: "connection_timeout", details: "upstream_connect_timeout" },
  });
  expect(parameters("sluice; hit; ttl=-4").given).toEqual({ hit: "yes", ttl: "-4" });
});

test.each([
  ["Cache-Status", "sluice; hit; ttl=42", "from the cache, fresh for another 42 s"],
  ["Cache-Status", "sluice; hit; ttl=-7; detail=breaker_open", "from the cache, 7 s past its time, as the breaker is open"],
  ["Cache-Status", "sluice; fwd=miss; collapsed; stored", "asked of the provider: the cache had none; shared with an equal request; kept for the next"],
  ["Cache-Status", "sluice; fwd=bypass", "asked of the provider"],
  ["Proxy-Status", 'sluice; error=http_request_denied; details="queue_full"', "no answer of the provider: the queue is full"],
  ["Server-Timing", "queue;dur=1200.5, upstream;dur=80", "waited in the queue: 1.2 s; at the provider: 80 ms"],
  ["Age", "3", "made 3 s ago"],
  ["Retry-After", "12", "worth another try after 12 s"],
])("%s: %s", (field, value, words) => {
  expect(explain("en", new Headers({ [field]: value }))).toEqual([{ field, value, words }]);
  expect(explain("pt", new Headers({ [field]: value }))[0]?.words).not.toBe(words);
});

test("what is not there is not told", () => expect(explain("en", new Headers({ Date: "today" }))).toEqual([]));
