import { useId, type ReactNode } from "react";

/** A titled part of the page; a landmark for who reads it by ear. */
export function Card({ title, extra, children, className = "" }: {
  title: string;
  extra?: ReactNode; // beside the title
  children: ReactNode;
  className?: string;
}) {
  const id = useId();

  return (
    <section aria-labelledby={id} className={`min-w-0 rounded-lg border border-line bg-card p-3 ${className}`}>
      <div className="mb-2 flex items-center justify-between gap-2">
        <h2 id={id} className="text-sm font-semibold">{title}</h2>
        {extra}
      </div>
      {children}
    </section>
  );
}
