import type { ReactNode } from "react";

/** What may be larger than its place: by finger, wheel, or arrow keys once it has the focus. */
export function Scroll({ label, children, className = "" }: { label: string; children: ReactNode; className?: string }) {
  return <div className={`relative overflow-auto ${className}`} tabIndex={0} role="group" aria-label={label}>{children}</div>;
}
