import { count, percent } from "../format";
import { useLanguage, useText } from "../i18n";
import { useLive } from "../live";
import { Card } from "../parts/Card";
import { Stat, Stats } from "../parts/Stat";

const text = {
  en: {
    title: "Cache", ratio: "hit ratio", saved: "slots saved", savedHint: "calls not needed", stale: "stale served", staleHint: "instead of an error",
    entries: "answers kept", shared: "calls shared", hits: (n: string) => `${n} hits`,
  },
  pt: {
    title: "Cache", ratio: "taxa de acerto", saved: "vagas poupadas", savedHint: "chamadas a menos", stale: "antigas servidas", staleHint: "em vez de um erro",
    entries: "respostas guardadas", shared: "chamadas divididas", hits: (n: string) => `${n} acertos`,
  },
};

export function Cache({ className = "" }: { className?: string }) {
  const { state } = useLive();
  const { language } = useLanguage();
  const t = useText(text);
  const { values } = state ?? { values: {} as Record<string, number> };
  const number = (name: string) => count(language, values[name]);

  return (
    <Card title={t.title} className={className}>
      <Stats columns>
        <Stat label={t.ratio} value={percent(language, (values["metricsd.cache_hit_ppm"] ?? 0) / 1e6)} hint={t.hits(number("gateway.cache_hits_total"))} />
        <Stat label={t.saved} value={number("metricsd.slots_saved_total")} hint={t.savedHint} />
        <Stat label={t.stale} value={number("gateway.cache_stale_total")} hint={t.staleHint} />
        <Stat label={t.shared} value={number("scheduler.coalesced_total")} />
        <Stat label={t.entries} value={number("fetcher.cache_entries")} />
      </Stats>
    </Card>
  );
}
