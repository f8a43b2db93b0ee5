import { useEffect, useRef, useState } from "react";

export interface Asked<T> {
  value: T | null; // the last that came
  failed: boolean; // the last time nothing came
  again: () => void; // now
}

/** What `ask` gives, again `every_ms` after each answer while the page can be seen, and `goOn` says so of the last one; for
 * what the stream does not tell. Another `key` is another question. */
export function useAsked<T>(key: string, every_ms: number, ask: () => Promise<T>, goOn: (value: T) => boolean = () => true): Asked<T> {
  const [asked, setAsked] = useState<{ value: T | null; failed: boolean }>({ value: null, failed: false });
  const latest = useRef({ ask, goOn });
  const again = useRef(() => {});

  latest.current = { ask, goOn };
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let turn = 0; // an answer to an older question is none

    const next = async () => {
      const mine = ++turn;
      clearTimeout(timer);
      if (document.hidden)
        return;
      const answer = await latest.current.ask().then((value) => ({ value, failed: false }), () => null);
      if (mine !== turn)
        return;
      setAsked((before) => answer ?? { value: before.value, failed: true });
      if (!answer || latest.current.goOn(answer.value))
        timer = setTimeout(next, every_ms);
    };
    again.current = () => void next();
    setAsked({ value: null, failed: false });
    again.current();
    document.addEventListener("visibilitychange", again.current);
    return () => {
      document.removeEventListener("visibilitychange", again.current);
      clearTimeout(timer);
      turn++;
    };
  }, [key, every_ms]);
  return { ...asked, again: () => again.current() };
}
