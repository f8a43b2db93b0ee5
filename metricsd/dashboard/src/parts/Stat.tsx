import type { ReactNode } from "react";

/** A number and what it is; `aside` is smaller, beside it, `hint` below. Several of them belong into a <Stats>. */
export function Stat({ label, value, aside, hint }: { label: string; value: ReactNode; aside?: ReactNode; hint?: ReactNode }) {
  return (
    <div className="min-w-0">
      <dt className="text-xs text-faint">{label}</dt>
      <dd className="text-lg leading-6 font-semibold tabular-nums">
        {value}
        {aside !== undefined && <span className="ml-1.5 text-xs font-normal text-faint">{aside}</span>}
      </dd>
      {hint !== undefined && <dd className="text-xs text-faint">{hint}</dd>}
    </div>
  );
}

/** Side by side; `columns`: below each other in columns of equal width. */
export function Stats({ children, columns = false, className = "" }: { children: ReactNode; columns?: boolean; className?: string }) {
  return <dl className={`gap-y-1 ${columns ? "grid grid-cols-3 gap-x-3" : "flex flex-wrap gap-x-5"} ${className}`}>{children}</dl>;
}
