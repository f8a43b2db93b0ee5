import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { App } from "./App";
import "./styles.css";

// The page's policy names the gateway as metricsd knew it when the page was loaded. Where that was too early, or the gateway
// has moved since, the next load has it right; at most one in ten seconds, should it not.
const RELOADED = "sluice.reloaded";
document.addEventListener("securitypolicyviolation", ({ effectiveDirective }) => {
  const last = Number(sessionStorage.getItem(RELOADED) ?? 0);
  if (effectiveDirective !== "connect-src" || Date.now() - last < 10_000) return;
  sessionStorage.setItem(RELOADED, String(Date.now()));
  location.reload();
});

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
