// events.ts - the event log's rules: what is shown, and in which words. Pure.
import { EVENTS_MAX } from "./merge";
import { count, duration } from "./format";
import { eventWords } from "./eventWords";
import type { Language } from "./i18n";
import { reasons, reasonText } from "./reasons";
import type { EventInfo } from "./state";

export interface Filter {
  text: string;
  process: string; // "" is all
  kind: string;
}

export const everything: Filter = { text: "", process: "", kind: "" };

/** One event as a sentence: what was decided, why, and what it says besides. */
export function eventText(event: EventInfo, language: Language): string {
  const row = eventWords[`${event.process}.${event.event}`];
  const words = row ? row[language === "pt" ? 2 : 1] : event.event;
  const value = !row ? "" : row[0] === "us" ? duration(language, event.value) : count(language, event.value);
  const reason = event.reason && event.reason !== "none" ? `: ${reasonText(reasons[language], event.reason)}` : "";
  const note = event.note ? ` (${event.note})` : "";

  return words.replace("{}", value) + reason + note;
}

/** Those that fit; every word of the text must be somewhere in what is shown of it. */
export function filterEvents(events: EventInfo[], filter: Filter, language: Language): EventInfo[] {
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);

  return events.filter((event) => {
    if ((filter.process && event.process !== filter.process) || (filter.kind && event.event !== filter.kind))
      return false;
    if (words.length === 0)
      return true;
    const shown = [event.process, event.event, event.request, event.reason, event.lane, event.attempt, event.epoch, eventText(event, language)]
      .join(" ").toLowerCase();
    return words.every((word) => shown.includes(word));
  });
}

/** What there is to choose from: of the events at hand, in alphabetical order. */
export function choices(events: EventInfo[], of: "process" | "event"): string[] {
  return [...new Set(events.map((event) => event[of]))].sort();
}

/** How many have come since; `more` when there may have been others that are forgotten already. */
export function cameSince(events: EventInfo[], newest: number): { came: number; more: boolean } {
  const came = events.filter((event) => event.id > newest).length;
  return { came, more: came >= EVENTS_MAX };
}
