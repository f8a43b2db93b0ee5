import { useId, type InputHTMLAttributes, type ReactNode, type SelectHTMLAttributes, type TextareaHTMLAttributes } from "react";

const look = "w-full min-w-0 rounded-md border border-line bg-ground px-2 py-1 text-sm text-ink aria-invalid:border-bad";

function Labelled({ label, hint, error, children, className = "" }: {
  label: string;
  hint: ReactNode;
  error: string | null | undefined;
  children: (ids: { id: string; "aria-describedby"?: string; "aria-invalid"?: true }) => ReactNode;
  className?: string | undefined;
}) {
  const id = useId();
  const told = error ?? hint;

  return (
    <div className={`min-w-0 ${className}`}>
      <label htmlFor={id} className="block text-xs text-faint">{label}</label>
      {children({ id, ...(told ? { "aria-describedby": `${id}-told` } : {}), ...(error ? { "aria-invalid": true as const } : {}) })}
      {told && <p id={`${id}-told`} className={`mt-0.5 text-xs ${error ? "text-bad" : "text-faint"}`}>{told}</p>}
    </div>
  );
}

interface Common {
  label: string;
  hint?: ReactNode;
  error?: string | null | undefined;
  frame?: string; // classes of the whole
}

/** One line to fill in, with its label, and what is wrong with it in words. */
export function Field({ label, hint, error, frame, className = "", ...rest }: Common & InputHTMLAttributes<HTMLInputElement>) {
  return <Labelled label={label} hint={hint} error={error} className={frame}>{(ids) => <input className={`${look} ${className}`} {...ids} {...rest} />}</Labelled>;
}

export function TextArea({ label, hint, error, frame, className = "", ...rest }: Common & TextareaHTMLAttributes<HTMLTextAreaElement>) {
  return <Labelled label={label} hint={hint} error={error} className={frame}>{(ids) => <textarea className={`${look} ${className}`} {...ids} {...rest} />}</Labelled>;
}

export function Select({ label, hint, error, frame, className = "", children, ...rest }: Common & SelectHTMLAttributes<HTMLSelectElement>) {
  return (
    <Labelled label={label} hint={hint} error={error} className={frame}>
      {(ids) => <select className={`${look} ${className}`} {...ids} {...rest}>{children}</select>}
    </Labelled>
  );
}
