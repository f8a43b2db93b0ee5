import { LanguageProvider } from "./i18n";
import { LiveProvider, useLive } from "./live";
import { Card } from "./parts/Card";

export function App() {
  return (
    <LanguageProvider>
      <LiveProvider>
        <main className="p-3">
          <Sluice />
        </main>
      </LiveProvider>
    </LanguageProvider>
  );
}

function Sluice() {
  const { status } = useLive();
  return <Card title="Sluice">{status}</Card>;
}
