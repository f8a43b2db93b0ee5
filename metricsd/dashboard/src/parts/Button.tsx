import type { ButtonHTMLAttributes } from "react";

const kinds = {
  plain: "border-line bg-ground text-ink hover:border-accent",
  primary: "border-accent bg-accent text-card hover:brightness-110",
  danger: "border-bad bg-card text-bad hover:bg-bad hover:text-card",
};

/** A real button; `small` for those in a table's row. */
export function Button({ kind = "plain", small = false, className = "", ...rest }: ButtonHTMLAttributes<HTMLButtonElement> & {
  kind?: keyof typeof kinds;
  small?: boolean;
}) {
  const size = small ? "min-h-6 px-2 text-xs" : "min-h-8 px-3 text-sm";

  return (
    <button
      type="button"
      className={`cursor-pointer rounded-md border font-medium transition-colors disabled:cursor-not-allowed disabled:opacity-50 ${size} ${kinds[kind]} ${className}`}
      {...rest}
    />
  );
}
