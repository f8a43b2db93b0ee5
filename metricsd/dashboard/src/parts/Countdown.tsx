import { countdown } from "../format";
import { useLanguage } from "../i18n";
import { useNow } from "../live";

/** What remains until a point in time; runs by itself between two words of metricsd. Not read aloud each tenth of a second. */
export function Countdown({ until_us, className = "" }: { until_us: number; className?: string }) {
  const { language } = useLanguage();
  const now_us = useNow(100);

  return (
    <span role="timer" aria-live="off" className={`tabular-nums ${className}`}>
      {countdown(language, until_us - now_us)}
    </span>
  );
}
