import type { ReactNode } from "react";

import { count, duration } from "../format";
import { useLanguage, useText } from "../i18n";
import { useLive } from "../live";
import { Badge } from "../parts/Badge";
import { Card } from "../parts/Card";
import { Scroll } from "../parts/Scroll";
import { Table, type Column } from "../parts/Table";
import { isUp } from "../processes";
import type { QueueRow } from "../state";

const text = {
  en: {
    title: "Queue", policy: (name: string) => `policy ${name}`, paused: "paused",
    position: "place", priority: "class", client: "client", age: "waits", eta: "answer in", action: "order",
    shared: "shared", unknown: "unknown while paused",
    none: "Nobody waits for a slot.", untold: "The scheduler has not told its queue yet.", away: "The scheduler is away: it alone knows the order. The gateways keep all requests.",
    more: (n: string) => `and ${n} more behind these`,
  },
  pt: {
    title: "Fila", policy: (name: string) => `política ${name}`, paused: "pausada",
    position: "lugar", priority: "classe", client: "cliente", age: "espera há", eta: "resposta em", action: "ação",
    shared: "dividida", unknown: "desconhecido durante a pausa",
    none: "Ninguém espera a vez.", untold: "O scheduler ainda não contou a fila.", away: "O scheduler está fora do ar: só ele conhece a ordem. Os gateways guardam todas as requisições.",
    more: (n: string) => `e mais ${n} atrás destas`,
  },
};

/** Who waits, in the order of the policy. `action` gives a row its controls. */
export function QueueTable({ action, className = "" }: { action?: (row: QueueRow) => ReactNode; className?: string }) {
  const { state } = useLive();
  const { language } = useLanguage();
  const t = useText(text);
  const queue = state?.views["scheduler.queue"];
  const rows = queue?.requests ?? [];
  const columns: Column<QueueRow>[] = [
    { head: t.position, cell: (row) => count(language, row.position), number: true, rowHead: true },
    { head: t.priority, cell: (row) => row.priority, number: true },
    { head: t.client, cell: (row) => <Client hash={row.client} shared={row.shared ? t.shared : null} /> },
    { head: t.age, cell: (row) => duration(language, row.age_ms * 1000), number: true },
    { head: t.eta, cell: (row) => (row.eta_ms === null ? <span title={t.unknown}>–</span> : duration(language, row.eta_ms * 1000)), number: true },
  ];

  if (action)
    columns.push({ head: <span className="sr-only">{t.action}</span>, cell: action, number: true });
  return (
    <Card title={t.title} className={`flex min-h-0 flex-col ${className}`} extra={queue && (
      <span className="flex items-center gap-2 text-xs text-faint">
        {t.policy(queue.policy)}
        {queue.paused && <Badge tone="warn">{t.paused}</Badge>}
      </span>
    )}>
      <Scroll label={t.title} className="min-h-0 flex-1">
        <Table caption={t.title} columns={columns} rows={rows} rowKey={(row) => row.id} empty={queue ? t.none : state && isUp(state, "scheduler") ? t.untold : t.away} />
        {queue && queue.total > rows.length && <p className="pt-1 text-xs text-faint">{t.more(count(language, queue.total - rows.length))}</p>}
      </Scroll>
    </Card>
  );
}

/** A client goes by a keyed hash; its first characters tell it from the others. */
export function Client({ hash, shared = null }: { hash: string; shared?: string | null }) {
  return (
    <span className="whitespace-nowrap">
      <code title={hash} className="font-mono text-xs">{hash.slice(0, 8)}</code>
      {shared && <span className="ml-1.5 text-xs text-faint">{shared}</span>}
    </span>
  );
}
