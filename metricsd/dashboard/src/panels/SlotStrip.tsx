import { clock, count, exact } from "../format";
import { useLanguage, useText } from "../i18n";
import { useLive, useNow } from "../live";
import { Badge } from "../parts/Badge";
import { Card } from "../parts/Card";
import { Scroll } from "../parts/Scroll";
import { Stat, Stats } from "../parts/Stat";
import { Table } from "../parts/Table";
import { useWidth } from "../parts/width";
import { stripOf, type Mark, type Strip } from "../strip";

const text = {
  en: {
    title: "Sends of the last minute against the limit",
    kept: "limit kept", broken: "limit broken",
    limit: (span: string) => `limit ${span}`,
    up: "↑ gap to the one before", ago: "60 s ago", now: "now",
    smallest: "smallest gap, 15 min", violations: "violations", penalties: "429 by the provider", avoided: "penalties avoided",
    unexpected: (n: string) => `${n} unexpected`,
    picture: (n: number) => `${n} sends in the last minute, drawn by time and by the gap to the one before; the table has the same.`,
    table: "as a table", time: "time", gap: "gap", outcome: "outcome", none: "Nothing was sent in the last minute.",
    answered: "answered", failed: "failed", limited: "rejected (429)", flying: "on its way", early: "too early",
  },
  pt: {
    title: "Envios do último minuto contra o limite",
    kept: "limite respeitado", broken: "limite violado",
    limit: (span: string) => `limite ${span}`,
    up: "↑ intervalo desde o anterior", ago: "há 60 s", now: "agora",
    smallest: "menor intervalo, 15 min", violations: "violações", penalties: "429 do provedor", avoided: "penalidades evitadas",
    unexpected: (n: string) => `${n} inesperadas`,
    picture: (n: number) => `${n} envios no último minuto, por hora e por intervalo desde o anterior; a tabela mostra o mesmo.`,
    table: "em tabela", time: "hora", gap: "intervalo", outcome: "resultado", none: "Nada foi enviado no último minuto.",
    answered: "respondida", failed: "falhou", limited: "rejeitada (429)", flying: "a caminho", early: "cedo demais",
  },
};

const HEIGHT = 104, LEFT = 6, RIGHT = 8, TOP = 10, BOTTOM = 16;
const inks = { answered: "fill-good stroke-good", failed: "fill-card stroke-bad", limited: "fill-bad stroke-bad", flying: "fill-card stroke-accent" };

export function SlotStrip() {
  const { state } = useLive();
  const { language } = useLanguage();
  const t = useText(text);
  const now_us = useNow(500);

  if (!state)
    return null;
  const { slots, values } = state;
  const strip = stripOf(slots, now_us);
  const kept = slots.violations === 0;
  const unexpected = values["scheduler.limiter_unexpected_total"] ?? 0;

  return (
    <Card title={t.title} extra={<Badge tone={kept ? "good" : "bad"}>{kept ? t.kept : t.broken}</Badge>}>
      <Picture strip={strip} window_us={slots.window_us} />
      <Legend />
      <Stats className="mt-2 justify-between">
        <Stat label={t.smallest} value={exact(language, slots.smallest_gap_us)} />
        <Stat label={t.violations} value={count(language, slots.violations)} />
        <Stat label={t.penalties} value={count(language, values["scheduler.limited_total"])} aside={unexpected > 0 ? t.unexpected(count(language, unexpected)) : undefined} />
        <Stat label={t.avoided} value={count(language, values["scheduler.penalties_avoided_total"])} />
      </Stats>
      <details className="mt-1 text-xs text-faint">
        <summary className="cursor-pointer">{t.table}</summary>
        <Scroll label={t.title} className="max-h-60">
          <SendTable marks={strip.marks} />
        </Scroll>
      </details>
    </Card>
  );
}

function SendTable({ marks }: { marks: Mark[] }) {
  const { language } = useLanguage();
  const t = useText(text);

  return (
    <Table caption={t.title} empty={t.none} rows={[...marks].reverse()} rowKey={(mark) => mark.at_us} columns={[
      { head: t.time, cell: (mark) => clock(mark.at_us, true), rowHead: true },
      { head: t.gap, cell: (mark) => exact(language, mark.gap_us), number: true },
      { head: t.outcome, cell: (mark) => t[mark.outcome] + (mark.violates ? `, ${t.early}` : "") },
    ]} />
  );
}

function Picture({ strip, window_us }: { strip: Strip; window_us: number }) {
  const { language } = useLanguage();
  const t = useText(text);
  const [frame, width] = useWidth<HTMLDivElement>();
  const height = HEIGHT - TOP - BOTTOM;
  const line = TOP + height * (1 - strip.limit);

  return (
    <div ref={frame} className="relative h-26">
      <svg width={width} height={HEIGHT} role="img" aria-label={t.picture(strip.marks.length)} className="absolute inset-0 text-[11px]">
        <rect x={0} y={line} width={width} height={TOP + height - line} className="fill-bad opacity-8" />
        <line x1={0} x2={width} y1={TOP + height} y2={TOP + height} className="stroke-line" />
        {strip.marks.map((mark) => {
          const x = LEFT + mark.x * (width - LEFT - RIGHT), y = TOP + height * (1 - mark.y);
          return (
            <g key={mark.at_us}>
              <line x1={x} x2={x} y1={TOP + height} y2={y} className={mark.violates ? "stroke-bad" : "stroke-line"} />
              <Shape x={x} y={y} mark={mark} size={width < 480 ? 0.65 : 1} />
            </g>
          );
        })}
        <line x1={0} x2={width} y1={line} y2={line} className="stroke-bad" strokeDasharray="5 4" />
        <text x={2} y={line - 8} className="fill-bad">{t.limit(exact(language, window_us))}</text>
        <text x={2} y={TOP} className="fill-faint">{t.up}</text>
        <text x={2} y={HEIGHT - 4} className="fill-faint">{t.ago}</text>
        <text x={width - 2} y={HEIGHT - 4} textAnchor="end" className="fill-faint">{t.now}</text>
      </svg>
    </div>
  );
}

/** Answered: a full dot; failed: a cross; rejected: a full triangle; on its way: a ring. */
function Shape({ x, y, mark, size = 1 }: { x: number; y: number; mark: Pick<Mark, "outcome" | "violates">; size?: number }) {
  const ink = mark.violates ? "fill-bad stroke-bad" : inks[mark.outcome];
  const arm = 3.5 * size;

  if (mark.outcome === "limited")
    return <path d={`M${x} ${y - 5 * size}l${5 * size} ${9 * size}h${-10 * size}z`} className={ink} />;
  if (mark.outcome === "failed")
    return <path d={`M${x - arm} ${y - arm}l${2 * arm} ${2 * arm}m0${-2 * arm}l${-2 * arm} ${2 * arm}`} strokeWidth={2} className="stroke-bad" />;
  return <circle cx={x} cy={y} r={arm} strokeWidth={1.5} className={ink} />;
}

function Legend() {
  const t = useText(text);

  return (
    <ul className="flex flex-wrap gap-x-4 text-xs text-faint">
      {(["answered", "flying", "failed", "limited"] as const).map((outcome) => (
        <li key={outcome} className="flex items-center gap-1">
          <svg aria-hidden="true" viewBox="0 0 12 12" className="size-3"><Shape x={6} y={6} mark={{ outcome, violates: false }} /></svg>
          {t[outcome]}
        </li>
      ))}
    </ul>
  );
}
