// i18n.tsx - the page's language. Each panel has its texts beside it, once for each language, and TypeScript sees to it
// that none is missing: `const text = { en: { title: "Queue" }, pt: { title: "Fila" } }`, then `useText(text).title`.
import { createContext, useContext, useEffect, useState, type ReactNode } from "react";

export const languages = ["en", "pt"] as const;
export type Language = (typeof languages)[number];
export type Texts<T> = Record<Language, T>;

const KEY = "sluice.language";

/** The one chosen before, else the browser's, else English. */
export function firstLanguage(stored: string | null, wanted: readonly string[]): Language {
  const known = [stored ?? "", ...wanted].map((name) => name.slice(0, 2).toLowerCase());
  return known.map((name) => languages.find((language) => language === name)).find(Boolean) ?? "en";
}

const Context = createContext<{ language: Language; choose: (language: Language) => void }>({
  language: "en",
  choose: () => {},
});

export function LanguageProvider({ children }: { children: ReactNode }) {
  const [language, choose] = useState(() => firstLanguage(localStorage.getItem(KEY), navigator.languages));

  useEffect(() => {
    localStorage.setItem(KEY, language);
    document.documentElement.lang = language;
  }, [language]);
  return <Context.Provider value={{ language, choose }}>{children}</Context.Provider>;
}

export const useLanguage = () => useContext(Context);

export function useText<T>(texts: Texts<T>): T {
  return texts[useLanguage().language];
}
