import { count, percent } from "../format";
import { useLanguage, useText } from "../i18n";
import { useLive } from "../live";
import { Card } from "../parts/Card";
import { Stat, Stats } from "../parts/Stat";

const text = {
  en: {
    title: "Cache", ratio: "hit ratio", saved: "slots saved", stale: "stale served",
    entries: "answers kept", shared: "calls shared", hits: "hits",
  },
  pt: {
    title: "Cache", ratio: "taxa de acerto", saved: "vagas poupadas", stale: "antigas servidas",
    entries: "guardadas", shared: "compartilhadas", hits: "acertos",
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
        <Stat label={t.ratio} value={percent(language, (values["metricsd.cache_hit_ppm"] ?? 0) / 1e6)} />
        <Stat label={t.hits} value={number("gateway.cache_hits_total")} />
        <Stat label={t.saved} value={number("metricsd.slots_saved_total")} />
        <Stat label={t.stale} value={number("gateway.cache_stale_total")} />
        <Stat label={t.shared} value={number("scheduler.coalesced_total")} />
        <Stat label={t.entries} value={number("fetcher.cache_entries")} />
      </Stats>
    </Card>
  );
}
