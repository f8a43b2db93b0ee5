// orders.tsx - orders to the gateway from any panel: `const { order, said } = useOrder()`. The admin token is asked for once,
// when the gateway wants it, and kept for this tab alone (sessionStorage); it goes nowhere but into the Authorization field.
import { createContext, useCallback, useContext, useMemo, useState, type ReactNode } from "react";

import { call, GatewayError, troubleOf, troubleText, type Answer, type Call } from "./gateway";
import { useLanguage, useText } from "./i18n";
import { useLive } from "./live";
import { Button } from "./parts/Button";
import { Dialog } from "./parts/Dialog";
import { Field } from "./parts/Field";

const text = {
  en: {
    title: "Admin token", why: "The gateway takes orders only with its ADMIN_TOKEN. It is kept for this tab, until you close it.", wrong: "That was not it.",
    label: "ADMIN_TOKEN", send: "Go on", cancel: "Cancel", forget: "Forget the token", has: "This tab has an admin token.",
  },
  pt: {
    title: "Token de administração", why: "O gateway só aceita ordens com o ADMIN_TOKEN. Ele fica nesta aba até você fechá-la.", wrong: "Não era esse.",
    label: "ADMIN_TOKEN", send: "Continuar", cancel: "Cancelar", forget: "Esquecer o token", has: "Esta aba tem um token de administração.",
  },
};

const KEY = "sluice.token";

interface Asking {
  wrong: boolean;
  answer: (token: string | null) => void;
}

interface Orders {
  token: string | null;
  forget: () => void;
  /** As the gateway answers it, once it has the token; throws GatewayError. null: the person does not go on. */
  send: (path: string, how?: Call) => Promise<Answer | null>;
}

const Context = createContext<Orders | null>(null);

export function OrdersProvider({ children }: { children: ReactNode }) {
  const [token, setToken] = useState(() => sessionStorage.getItem(KEY));
  const [asking, ask] = useState<Asking | null>(null);
  const base = useLive().state?.links.gateway ?? null;

  const keep = useCallback((value: string | null) => {
    if (value === null)
      sessionStorage.removeItem(KEY);
    else
      sessionStorage.setItem(KEY, value);
    setToken(value);
  }, []);

  const send = useCallback(async (path: string, how: Call = {}) => {
    let used = sessionStorage.getItem(KEY);

    if (base === null)
      throw new GatewayError({ kind: "unreachable", base: "?" });
    for (;;) {
      const answer = await call(base, path, { ...how, token: used });
      const trouble = troubleOf(answer, used);
      if (trouble === null)
        return answer;
      if (trouble.kind !== "token")
        throw new GatewayError(trouble);
      used = await new Promise<string | null>((resolve) => ask({ wrong: trouble.wrong, answer: resolve }));
      ask(null);
      if (used === null)
        return null;
      keep(used);
    }
  }, [base, keep]);

  const orders = useMemo(() => ({ token, forget: () => keep(null), send }), [token, keep, send]);
  return (
    <Context.Provider value={orders}>
      {children}
      {asking && <TokenDialog asking={asking} />}
    </Context.Provider>
  );
}

export function useOrders(): Orders {
  const orders = useContext(Context);
  if (!orders)
    throw new Error("useOrders() outside of OrdersProvider");
  return orders;
}

function TokenDialog({ asking }: { asking: Asking }) {
  const [token, setToken] = useState("");
  const t = useText(text);

  return (
    <Dialog title={t.title} close={() => asking.answer(null)}>
      <form onSubmit={(event) => (event.preventDefault(), token !== "" && asking.answer(token))} className="grid gap-3">
        <p className="text-sm">{t.why}</p>
        <Field label={t.label} type="password" autoComplete="off" autoFocus required maxLength={128} value={token}
          error={asking.wrong ? t.wrong : null} onChange={(event) => setToken(event.target.value)} />
        <div className="flex justify-end gap-2">
          <Button onClick={() => asking.answer(null)}>{t.cancel}</Button>
          <Button kind="primary" type="submit">{t.send}</Button>
        </div>
      </form>
    </Dialog>
  );
}

/** That this tab has the token, and a way to forget it. */
export function TokenNote() {
  const { token, forget } = useOrders();
  const t = useText(text);

  return token !== null && (
    <p className="flex flex-wrap items-center gap-2 text-xs text-faint">{t.has}<Button small onClick={forget}>{t.forget}</Button></p>
  );
}

export interface Word {
  tone: "good" | "bad";
  text: string;
}

/** One panel's orders: whether one is on its way, and what came of the last. */
export function useOrder() {
  const { send } = useOrders();
  const { language } = useLanguage();
  const [busy, setBusy] = useState(false);
  const [word, setWord] = useState<Word | null>(null);

  /** Gives the answer where it was obeyed, else null, and says why. `done` says what has been done. */
  const order = useCallback(async (path: string, how: Call, done: string | ((answer: Answer) => string)): Promise<Answer | null> => {
    setBusy(true);
    setWord(null);
    try {
      const answer = await send(path, how);
      if (answer)
        setWord({ tone: "good", text: typeof done === "string" ? done : done(answer) });
      return answer;
    } catch (error) {
      if (!(error instanceof GatewayError))
        throw error;
      setWord({ tone: "bad", text: troubleText(language, error.trouble) });
      return null;
    } finally {
      setBusy(false);
    }
  }, [send, language]);

  return { order, busy, word, setWord };
}

/** What came of an order, read aloud when it comes. */
export function Said({ word }: { word: Word | null }) {
  return <p role="status" className={`text-sm ${word ? "mt-2" : ""} ${word?.tone === "bad" ? "text-bad" : "text-good"}`}>{word?.text}</p>;
}
