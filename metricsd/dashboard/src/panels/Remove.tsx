import { useText } from "../i18n";
import { Said, useOrder } from "../orders";
import { Button } from "../parts/Button";
import type { QueueRow } from "../state";

const text = {
  en: { remove: "Remove", which: (place: number) => `Remove the request at place ${place}`, done: "Removed." },
  pt: { remove: "Remover", which: (place: number) => `Remover a requisição do lugar ${place}`, done: "Removida." },
};

/** Takes one request out of the queue: it is answered 503 at once. */
export function Remove({ row }: { row: QueueRow }) {
  const { order, busy, word } = useOrder();
  const t = useText(text);

  return (
    <>
      <Button small disabled={busy} aria-label={t.which(row.position)}
        onClick={() => void order(`/admin/queue/${encodeURIComponent(row.id)}`, { method: "DELETE" }, t.done)}>{t.remove}</Button>
      {word?.tone === "bad" && <Said word={word} />}
    </>
  );
}
