import { clock } from "./format";
import { languages, useLanguage, useText, type Language } from "./i18n";
import { useLive } from "./live";
import { Badge } from "./parts/Badge";
import { Choice } from "./parts/Choice";
import { kindHealth } from "./processes";
import { sectionIds, sectionTitles, type SectionId } from "./sections";
import { themes, useTheme } from "./theme";

const text = {
  en: {
    sections: "Sections", language: "Language", theme: "Theme", themes: { system: "Auto", light: "Light", dark: "Dark" },
    connecting: "connecting …", live: "live", stale: (at: string) => `stale since ${at}`, skip: "To the content", processes: "Processes", up: "up", late: "late", gone: "gone",
  },
  pt: {
    sections: "Seções", language: "Idioma", theme: "Tema", themes: { system: "Auto", light: "Claro", dark: "Escuro" },
    connecting: "conectando …", live: "ao vivo", stale: (at: string) => `parado desde ${at}`, skip: "Ir ao conteúdo", processes: "Processos", up: "no ar", late: "atrasado", gone: "fora do ar",
  },
};
const languageNames: Record<Language, string> = { en: "EN", pt: "PT" };

export function Header({ section }: { section: SectionId }) {
  const { language, choose } = useLanguage();
  const { theme, choose: chooseTheme } = useTheme();
  const t = useText(text);
  const titles = useText(sectionTitles);

  return (
    <header className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line bg-card px-3 py-1.5">
      <a href="#content" onClick={(event) => (event.preventDefault(), document.getElementById("content")?.focus())}
        className="sr-only focus:not-sr-only">{t.skip}</a>
      <h1 className="text-base font-bold tracking-tight">Sluice</h1>
      <nav aria-label={t.sections} className="order-last flex w-full gap-0.5 overflow-x-auto md:order-none md:w-auto">
        {sectionIds.map((id) => (
          <a key={id} href={`#${id}`} aria-current={id === section ? "page" : undefined}
            className={`rounded-md px-2 py-1.5 text-sm whitespace-nowrap ${id === section ? "bg-ground font-semibold text-ink" : "text-faint hover:text-ink"}`}>
            {titles[id]}
          </a>
        ))}
      </nav>
      <div className="ml-auto flex flex-wrap items-center gap-x-3 gap-y-1">
        <Health />
        <Connection />
        <Choice label={t.language} values={languages} value={language} choose={choose} words={languageNames} />
        <Choice label={t.theme} values={themes} value={theme} choose={chooseTheme} words={t.themes} />
      </div>
    </header>
  );
}

/** Live, or since when no longer; the one thing that is read aloud when it changes. */
function Connection() {
  const { status, since_ms } = useLive();
  const t = useText(text);

  return (
    <span role="status">
      {status === "stale"
        ? <Badge tone="bad">{t.stale(clock(since_ms * 1000))}</Badge>
        : <Badge tone={status === "live" ? "good" : "warn"}>{t[status]}</Badge>}
    </span>
  );
}

/** Who is up: a filled dot; late: half of one; gone: a cross; always with the word. */
function Health() {
  const { state, status } = useLive();
  const t = useText(text);
  const health = (state ? kindHealth(state) : []).map((one) => (one.kind === "metricsd" && status === "stale" ? { ...one, late: true } : one));

  return state && (
    <ul aria-label={t.processes} className="hidden gap-2.5 text-xs text-faint xl:flex">
      {health.map(({ kind, up, late }) => (
        <li key={kind} className={!up ? "font-semibold text-bad" : late ? "text-warn" : ""}>
          <span aria-hidden="true" className={up && !late ? "text-good" : ""}>{!up ? "✕" : late ? "◐" : "●"}</span> {kind}
          {up > 1 && ` ×${up}`}
          {!up ? ` ${t.gone}` : late ? ` ${t.late}` : <span className="sr-only"> {t.up}</span>}
        </li>
      ))}
    </ul>
  );
}
