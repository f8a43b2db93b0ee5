import type { ReactNode } from "react";

export type Tone = "good" | "warn" | "bad" | "accent" | "faint";

const tones: Record<Tone, string> = {
  good: "border-good text-good",
  warn: "border-warn text-warn",
  bad: "border-bad text-bad",
  accent: "border-accent text-accent",
  faint: "border-line text-faint",
};

/** A state in one word; the colour only repeats it. */
export function Badge({ tone, children }: { tone: Tone; children: ReactNode }) {
  return (
    <span className={`inline-flex items-center rounded-full border px-2 text-xs font-semibold whitespace-nowrap ${tones[tone]}`}>
      {children}
    </span>
  );
}
