import { count, duration } from "../format";
import { useLanguage, useText } from "../i18n";
import { useLive } from "../live";
import { Badge } from "../parts/Badge";
import { Card } from "../parts/Card";
import { Scroll } from "../parts/Scroll";
import { Stat, Stats } from "../parts/Stat";
import { Table } from "../parts/Table";
import { isDelayed, processRows, standing } from "../processes";

const text = {
  en: {
    title: "Processes", process: "process", stands: "state", epoch: "epoch", pid: "pid", uptime: "up for", lag: "last word", events: "events", lost: "lost",
    up: "up", gone: "gone", late: "late", ago: (span: string) => `${span} ago`, none: "metricsd has heard of nobody yet.",
    path: "The way of events", gaps: "events lost on their way", bad: "unreadable messages", dropped: "not taken by the feed", told: "events received",
    restarts: "restarts", about: "An epoch is one life of a process: a new one is a restart. A gap in the numbers within one is a loss.",
  },
  pt: {
    title: "Processos", process: "processo", stands: "estado", epoch: "época", pid: "pid", uptime: "no ar há", lag: "última notícia", events: "eventos", lost: "perdidos",
    up: "no ar", gone: "sumiu", late: "atrasado", ago: (span: string) => `há ${span}`, none: "O metricsd ainda não ouviu ninguém.",
    path: "O caminho dos eventos", gaps: "eventos perdidos no caminho", bad: "mensagens ilegíveis", dropped: "não aceitos pelo feed", told: "eventos recebidos",
    restarts: "reinícios", about: "Uma época é uma vida de um processo: uma nova é um reinício. Uma lacuna na numeração dentro dela é uma perda.",
  },
};

export function Processes() {
  const { state } = useLive();
  const { language } = useLanguage();
  const t = useText(text);

  if (!state)
    return null;
  const value = (name: string) => count(language, state.values[name]);
  return (
    <Card title={t.title}>
      <Scroll label={t.title}>
        <Table caption={t.title} empty={t.none} rows={processRows(standing(state))} rowKey={(row) => row.epoch} columns={[
          { head: t.process, rowHead: true, cell: (row) => row.name },
          { head: t.stands, cell: (row) => <Badge tone={!row.up ? "bad" : isDelayed(row) ? "warn" : "good"}>{!row.up ? t.gone : isDelayed(row) ? t.late : t.up}</Badge> },
          { head: t.epoch, cell: (row) => <code className="font-mono text-xs">{row.epoch}</code> },
          { head: t.pid, number: true, cell: (row) => row.pid },
          { head: t.uptime, number: true, cell: (row) => duration(language, row.uptime_us) },
          { head: t.lag, number: true, cell: (row) => t.ago(duration(language, row.silent_us)) },
          { head: t.restarts, number: true, cell: (row) => count(language, row.restarts) },
          { head: t.events, number: true, cell: (row) => count(language, row.events) },
          { head: t.lost, number: true, cell: (row) => count(language, row.events_lost) },
        ]} />
      </Scroll>
      <p className="mt-2 text-xs text-faint">{t.about}</p>
      <h3 className="mt-3 mb-1 text-sm font-semibold">{t.path}</h3>
      <Stats>
        <Stat label={t.told} value={value("metricsd.events_total")} />
        <Stat label={t.gaps} value={value("metricsd.event_gaps_total")} />
        <Stat label={t.bad} value={value("metricsd.bad_messages_total")} />
        <Stat label={t.dropped} value={value("metricsd.feed_dropped_total")} />
      </Stats>
    </Card>
  );
}
