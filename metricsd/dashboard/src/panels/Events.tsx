import { memo, useMemo, useState } from "react";

import { cameSince, choices, eventText, everything, filterEvents, type Filter } from "../events";
import { clock, count } from "../format";
import { useLanguage, useText } from "../i18n";
import { useLive } from "../live";
import { Button } from "../parts/Button";
import { Card } from "../parts/Card";
import { Scroll } from "../parts/Scroll";
import { Table } from "../parts/Table";
import type { EventInfo } from "../state";

const text = {
  en: {
    title: "Events", search: "contains", process: "process", kind: "kind", all: "all", pause: "Pause", resume: "Go on", clear: "Show all",
    time: "time", what: "what", request: "request", attempt: "attempt", none: "No event yet.", noneFits: "No event fits the filter.",
    shown: (n: string, all: string) => `${n} of ${all} kept`,
    came: (n: string, more: boolean) => `paused; ${n}${more ? " or more" : ""} have come meanwhile`,
    skipped: (n: string) => `${n} left out, as more came than can be shown`,
  },
  pt: {
    title: "Eventos", search: "contém", process: "processo", kind: "tipo", all: "todos", pause: "Pausar", resume: "Continuar", clear: "Mostrar todos",
    time: "hora", what: "o quê", request: "requisição", attempt: "tentativa", none: "Nenhum evento ainda.", noneFits: "Nenhum evento passa pelo filtro.",
    shown: (n: string, all: string) => `${n} de ${all} guardados`,
    came: (n: string, more: boolean) => `pausado; ${n}${more ? " ou mais" : ""} chegaram enquanto isso`,
    skipped: (n: string) => `${n} omitidos, pois chegaram mais do que se pode mostrar`,
  },
};

/** Every decision that was told, newest first. Paused, it stands still and counts. */
export function Events() {
  const { state, skipped } = useLive();
  const { language } = useLanguage();
  const t = useText(text);
  const [filter, setFilter] = useState<Filter>(everything);
  const [held, hold] = useState<EventInfo[] | null>(null);
  const all = state?.events ?? [];
  const events = held ?? all;
  const shown = useMemo(() => filterEvents(events, filter, language), [events, filter, language]);
  const { came, more } = cameSince(all, held?.[0]?.id ?? -1);

  return (
    <Card title={t.title} extra={<Button aria-pressed={held !== null} onClick={() => hold(held ? null : all)}>{held ? t.resume : t.pause}</Button>}>
      <div className="mb-2 flex flex-wrap items-end gap-3">
        <label className="flex flex-col text-xs text-faint">
          {t.search}
          <input type="search" value={filter.text} maxLength={100} onChange={(event) => setFilter({ ...filter, text: event.target.value })}
            className="min-h-8 w-48 rounded-md border border-line bg-ground px-2 text-sm text-ink" />
        </label>
        <Pick label={t.process} all={t.all} values={choices(events, "process")} value={filter.process} choose={(process) => setFilter({ ...filter, process })} />
        <Pick label={t.kind} all={t.all} values={choices(events, "event")} value={filter.kind} choose={(kind) => setFilter({ ...filter, kind })} />
        {filter !== everything && <Button onClick={() => setFilter(everything)}>{t.clear}</Button>}
        <p role="status" className="ml-auto text-xs text-faint">
          {held ? t.came(count(language, came), more) : t.shown(count(language, shown.length), count(language, events.length))}
          {skipped > 0 && <><br />{t.skipped(count(language, skipped))}</>}
        </p>
      </div>
      <EventTable events={shown} empty={events.length ? t.noneFits : t.none} />
    </Card>
  );
}

/** Hundreds of rows: drawn again only when they are others. */
const EventTable = memo(function EventTable({ events, empty }: { events: EventInfo[]; empty: string }) {
  const { language } = useLanguage();
  const t = useText(text);

  return (
    <Scroll label={t.title}>
      <Table caption={t.title} rows={events} rowKey={(event) => event.id} empty={empty} columns={[
        { head: t.time, rowHead: true, cell: (event) => <span className="whitespace-nowrap tabular-nums">{clock(event.at_us, true)}</span> },
        { head: t.process, cell: (event) => event.process },
        { head: t.kind, wide: true, cell: (event) => <code className="font-mono text-xs">{event.event}</code> },
        { head: t.what, cell: (event) => eventText(event, language) },
        { head: t.request, wide: true, cell: (event) => <code className="font-mono text-xs break-all">{event.request ?? ""}</code> },
        { head: t.attempt, number: true, wide: true, cell: (event) => <Attempt number={event.attempt} /> },
      ]} />
    </Scroll>
  );
});

/** Attempts are numbered across lives of the scheduler: the last digits tell those of one from each other. */
function Attempt({ number }: { number: number | undefined }) {
  const digits = String(number ?? "");
  return <span title={digits}>{digits.length > 6 ? `…${digits.slice(-5)}` : digits}</span>;
}

function Pick({ label, all, values, value, choose }: {
  label: string;
  all: string;
  values: string[];
  value: string;
  choose: (value: string) => void;
}) {
  return (
    <label className="flex flex-col text-xs text-faint">
      {label}
      <select value={value} onChange={(event) => choose(event.target.value)}
        className="min-h-8 rounded-md border border-line bg-ground px-2 text-sm text-ink">
        <option value="">{all}</option>
        {(value && !values.includes(value) ? [...values, value] : values).map((one) => <option key={one}>{one}</option>)}
      </select>
    </label>
  );
}
