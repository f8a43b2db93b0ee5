import { count, percent } from "../format";
import { useLanguage, useText } from "../i18n";
import { useLive } from "../live";
import { Card } from "../parts/Card";
import { Stat, Stats } from "../parts/Stat";

const text = {
  en: { title: "Requests", total: "in all", successful: "successful", failed: "failed", dropped: "dropped", waiting: "waiting", retries: "retries" },
  pt: { title: "Requisições", total: "no total", successful: "bem-sucedidas", failed: "com falha", dropped: "descartadas", waiting: "esperando", retries: "novas tentativas" },
};

/** in all = successful + failed + dropped + waiting, at every moment. */
export function Totals({ className = "" }: { className?: string }) {
  const { state } = useLive();
  const { language } = useLanguage();
  const t = useText(text);
  const { values } = state ?? { values: {} as Record<string, number> };
  const total = values["gateway.requests_total"] ?? 0;
  const stat = (label: string, name: string) => (
    <Stat label={label} value={count(language, values[name])} aside={total > 0 ? percent(language, (values[name] ?? 0) / total) : undefined} />
  );

  return (
    <Card title={t.title} className={className}>
      <Stats columns>
        <Stat label={t.total} value={count(language, total)} />
        {stat(t.successful, "gateway.requests_successful_total")}
        {stat(t.failed, "gateway.requests_failed_total")}
        {stat(t.dropped, "gateway.requests_dropped_total")}
        {stat(t.waiting, "gateway.requests_waiting")}
        <Stat label={t.retries} value={count(language, values["scheduler.retries_total"])} />
      </Stats>
    </Card>
  );
}
