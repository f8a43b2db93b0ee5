import { count } from "../format";
import { useLanguage, useText } from "../i18n";
import { useLive } from "../live";
import { Card } from "../parts/Card";
import { Scroll } from "../parts/Scroll";
import { Table } from "../parts/Table";
import { reasons, reasonText, refusals } from "../reasons";

const text = {
  en: { title: "Without the provider's answer, by reason", reason: "reason", count: "times", none: "Every request has got the provider's answer." },
  pt: { title: "Sem a resposta do provedor, por motivo", reason: "motivo", count: "vezes", none: "Toda requisição recebeu a resposta do provedor." },
};

export function Refusals({ className = "" }: { className?: string }) {
  const { state } = useLive();
  const { language } = useLanguage();
  const t = useText(text);

  return (
    <Card title={t.title} className={`flex min-h-0 flex-col ${className}`}>
      <Scroll label={t.title} className="min-h-0 flex-1">
        <Table caption={t.title} empty={t.none} rows={refusals(state?.values ?? {})} rowKey={(row) => row.reason} columns={[
          { head: t.reason, rowHead: true, cell: (row) => <span title={row.reason}>{reasonText(reasons[language], row.reason)}</span> },
          { head: t.count, number: true, cell: (row) => count(language, row.count) },
        ]} />
      </Scroll>
    </Card>
  );
}
