import type { ReactNode } from "react";

/** A number and what it is. Several of them belong into a <Stats>. */
export function Stat({ label, value, hint }: { label: string; value: ReactNode; hint?: ReactNode }) {
  return (
    <div className="min-w-0">
      <dt className="text-xs text-faint">{label}</dt>
      <dd className="text-lg leading-6 font-semibold tabular-nums">{value}</dd>
      {hint !== undefined && <dd className="text-xs text-faint">{hint}</dd>}
    </div>
  );
}

export function Stats({ children, className = "" }: { children: ReactNode; className?: string }) {
  return <dl className={`flex flex-wrap gap-x-5 gap-y-1 ${className}`}>{children}</dl>;
}
