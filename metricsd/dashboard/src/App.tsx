import { LanguageProvider } from "./i18n";
import { Card } from "./parts/Card";

export function App() {
  return (
    <LanguageProvider>
      <main className="p-3">
        <Card title="Sluice">…</Card>
      </main>
    </LanguageProvider>
  );
}
