import { useEffect } from "react";

import { Header } from "./Header";
import { LanguageProvider, useText } from "./i18n";
import { LiveProvider, useLive } from "./live";
import { OrdersProvider } from "./orders";
import { Why } from "./panels/Why";
import { Boundary } from "./parts/Boundary";
import { useSection } from "./route";
import { sectionIds, sections, sectionTitles } from "./sections";
import { ThemeProvider } from "./theme";

const text = {
  en: { wait: "Waiting for metricsd's first word …", away: "metricsd does not answer. The page tries again by itself; is sluice-metricsd running?", failed: "This part of the page has failed; reload it. The others go on." },
  pt: { wait: "Esperando a primeira notícia do metricsd …", away: "O metricsd não responde. A página tenta de novo sozinha; o sluice-metricsd está no ar?", failed: "Esta parte da página falhou; recarregue-a. As outras continuam." },
};

export function App() {
  return (
    <LanguageProvider>
      <ThemeProvider>
        <LiveProvider>
          <OrdersProvider>
            <Page />
          </OrdersProvider>
        </LiveProvider>
      </ThemeProvider>
    </LanguageProvider>
  );
}

function Page() {
  const section = useSection(sectionIds);
  const title = useText(sectionTitles)[section];
  const { state, status } = useLive();
  const { failed } = useText(text);

  useEffect(() => {
    document.title = section === sectionIds[0] ? "Sluice" : `${title} · Sluice`;
  }, [section, title]);
  return (
    <>
      <Header section={section} />
      <main id="content" tabIndex={-1} className={`mx-auto grid grid-cols-1 max-w-[110rem] gap-3 p-3 outline-none ${status === "stale" ? "grayscale" : ""}`}>
        {state ? (
          <>
            <Boundary said={failed}><Why /></Boundary>
            <Boundary key={section} said={failed}>{sections[section]()}</Boundary>
          </>
        ) : <Waiting />}
      </main>
    </>
  );
}

function Waiting() {
  const t = useText(text);
  const { status } = useLive();

  return <p role="status" className="p-8 text-center text-faint">{status === "stale" ? t.away : t.wait}</p>;
}
