// strip.ts - where the slot strip's marks stand: time to the right, the gap to the send before upwards. Pure.
import type { Slots } from "./state";

export const STRIP_SPAN_US = 60_000_000;

export interface Mark {
  at_us: number;
  x: number; // 0: a minute ago, 1: now
  y: number; // 0: no gap, 1: the top; HIGH gaps are at the top
  gap_us: number | null;
  outcome: Slots["sent"][number]["outcome"];
  violates: boolean;
  beyond: boolean; // its gap is longer than the strip is high
}

export interface Strip {
  limit: number; // where the limit's line is
  top_us: number;
  marks: Mark[];
}

/** The line is at half of the height: a mark on or above it keeps the limit. Gaps are drawn up to twice the window. */
export function stripOf(slots: Slots, now_us: number): Strip {
  const top_us = 2 * slots.window_us || 1; // 0: the scheduler has not told yet
  const marks = slots.sent
    .filter((send) => now_us - send.at_us <= STRIP_SPAN_US)
    .map((send) => {
      const gap = send.gap_us ?? top_us;
      return {
        at_us: send.at_us,
        x: Math.min(1, 1 - (now_us - send.at_us) / STRIP_SPAN_US),
        y: Math.min(1, gap / top_us),
        gap_us: send.gap_us,
        outcome: send.outcome,
        violates: send.gap_us !== null && send.gap_us < slots.window_us,
        beyond: gap >= top_us,
      };
    });
  return { limit: 0.5, top_us, marks };
}
