import { clock } from "../format";
import { useLanguage, useText } from "../i18n";
import { useLive, useNow } from "../live";
import { Countdown } from "../parts/Countdown";
import { whyCauses, whyText, type Cause } from "../why";

const text = {
  en: {
    label: "Why is mine waiting, and until when?",
    until: "until",
    since: "since",
    next: "next slot",
    again: "a place is free in",
    besides: "Besides",
    open: "until somebody acts",
    unknown: "as soon as it is back",
    decides: "its answer decides",
    tries: "with the next request",
    now: "now",
    stale: "This was so when the last word came; metricsd has been silent since then.",
  },
  pt: {
    label: "Por que a minha está esperando, e até quando?",
    until: "até",
    since: "desde",
    next: "próxima vaga",
    again: "um lugar se libera em",
    besides: "Além disso",
    open: "até alguém agir",
    unknown: "assim que voltar",
    decides: "a resposta dela decide",
    tries: "com a próxima requisição",
    now: "agora",
    stale: "Era assim na última notícia; desde então o metricsd está em silêncio.",
  },
};

const edges = { good: "border-l-good", warn: "border-l-warn", bad: "border-l-bad", accent: "border-l-accent", faint: "border-l-line" };
const inks = { good: "text-good", warn: "text-warn", bad: "text-bad", accent: "text-accent", faint: "text-faint" };

/** The answer, big, on top of every section. */
export function Why() {
  const { state, status } = useLive();
  const { language } = useLanguage();
  const t = useText(text);
  const now_us = useNow(500);

  if (!state)
    return null;
  const [first, ...others] = whyCauses(state, now_us);
  if (!first)
    return null;
  const words = whyText(first, language, now_us);
  return (
    <section aria-label={t.label} data-cause={first.kind}
      className={`flex flex-wrap items-center justify-between gap-x-6 gap-y-2 rounded-lg border border-l-4 border-line bg-card px-4 py-2.5 ${edges[first.tone]}`}>
      <div className="min-w-0 flex-1 basis-80">
        <p className="text-xs text-faint">{t.label}</p>
        <h2 aria-live="polite" className="text-lg leading-7 font-semibold text-balance">{words.title}</h2>
        <p className="text-sm text-faint">{words.detail}</p>
        {others.map((cause) => (
          <p key={cause.kind} className="text-sm text-faint">
            {t.besides}: <strong className="font-medium text-ink">{whyText(cause, language, now_us).title}</strong>
            {cause.until_us !== null && cause.until_us > now_us && <> ({t.until} {clock(cause.until_us)})</>}
          </p>
        ))}
        {status === "stale" && <p className="text-sm font-medium text-warn">{t.stale}</p>}
      </div>
      {status !== "stale" && <When cause={first} now_us={now_us} />}
    </section>
  );
}

function When({ cause, now_us }: { cause: Cause; now_us: number }) {
  const t = useText(text);
  const since = "since_us" in cause ? cause.since_us : null;
  const sub = (value: string) => <p className="text-xs text-faint">{value}</p>;

  if (cause.until_us !== null)
    return (
      <div className="shrink-0 sm:text-right">
        {sub(cause.kind === "pace" ? t.next : cause.kind === "full" ? t.again : `${t.until} ${clock(cause.until_us)}`)}
        {cause.until_us > now_us
          ? <Countdown until_us={cause.until_us} className={`text-3xl leading-9 font-semibold ${inks[cause.tone]}`} />
          : <span className={`text-3xl leading-9 font-semibold ${inks[cause.tone]}`}>{t.now}</span>}
      </div>
    );
  const end = { paused: t.open, scheduler_gone: t.unknown, fetcher_gone: t.unknown, gateway_gone: t.unknown, probe: t.decides, breaker: t.tries }[cause.kind as string];
  return end === undefined ? null : (
    <div className="shrink-0 sm:text-right">
      <p className={`text-lg font-semibold ${inks[cause.tone]}`}>{end}</p>
      {since !== null && sub(`${t.since} ${clock(since)}`)}
    </div>
  );
}
