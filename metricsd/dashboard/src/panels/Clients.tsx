import { count } from "../format";
import { useLanguage, useText } from "../i18n";
import { useLive } from "../live";
import { Card } from "../parts/Card";
import { Table } from "../parts/Table";
import type { ClientCounts } from "../state";
import { Client } from "./QueueTable";

const text = {
  en: {
    title: "Clients that ask most", client: "client", waiting: "wait now", submitted: "asked", served: "served", refused: "refused",
    other: (n: string) => `all others (${n})`, none: "Nobody has asked the scheduler yet.",
  },
  pt: {
    title: "Clientes que mais pedem", client: "cliente", waiting: "na fila", submitted: "pedidos", served: "atendidos", refused: "recusados",
    other: (n: string) => `todos os outros (${n})`, none: "Ninguém pediu nada ao scheduler ainda.",
  },
};

type Row = ClientCounts & { client: string | null; clients?: number };

export function Clients({ className = "" }: { className?: string }) {
  const { state } = useLive();
  const { language } = useLanguage();
  const t = useText(text);
  const view = state?.views["scheduler.clients"];
  const rows: Row[] = view ? [...view.top, ...(view.other.clients > 0 ? [{ ...view.other, client: null }] : [])] : [];
  const number = (head: string, pick: (row: Row) => number) => ({ head, cell: (row: Row) => count(language, pick(row)), number: true });

  return (
    <Card title={t.title} className={className}>
      <Table caption={t.title} empty={t.none} rows={rows} rowKey={(row) => row.client ?? ""} columns={[
        { head: t.client, rowHead: true, cell: (row) => (row.client === null ? t.other(count(language, row.clients ?? 0)) : <Client hash={row.client} />) },
        number(t.waiting, (row) => row.waiting),
        number(t.submitted, (row) => row.submitted),
        number(t.served, (row) => row.served),
        number(t.refused, (row) => row.refused),
      ]} />
    </Card>
  );
}
