// theme.tsx - light, dark, or as the system has it; kept, and on <html data-theme>. Plots ask for it to redraw.
import { createContext, useContext, useEffect, useState, type ReactNode } from "react";

export const themes = ["system", "light", "dark"] as const;
export type Theme = (typeof themes)[number];

const KEY = "sluice.theme";
const DARK = "(prefers-color-scheme: dark)";

const Context = createContext<{ theme: Theme; choose: (theme: Theme) => void; dark: boolean }>({ theme: "system", choose: () => {}, dark: false });

export function ThemeProvider({ children }: { children: ReactNode }) {
  const [theme, choose] = useState<Theme>(() => themes.find((one) => one === localStorage.getItem(KEY)) ?? "system");
  const [systemDark, setSystemDark] = useState(() => matchMedia(DARK).matches);

  useEffect(() => {
    const query = matchMedia(DARK);
    const follow = () => setSystemDark(query.matches);
    query.addEventListener("change", follow);
    return () => query.removeEventListener("change", follow);
  }, []);
  useEffect(() => {
    localStorage.setItem(KEY, theme);
    if (theme === "system")
      delete document.documentElement.dataset.theme;
    else
      document.documentElement.dataset.theme = theme;
  }, [theme]);
  return <Context.Provider value={{ theme, choose, dark: theme === "dark" || (theme === "system" && systemDark) }}>{children}</Context.Provider>;
}

export const useTheme = () => useContext(Context);
