/** One of a few: a group of buttons of which one is pressed. */
export function Choice<Value extends string>({ label, values, value, choose, words }: {
  label: string;
  values: readonly Value[];
  value: Value;
  choose: (value: Value) => void;
  words: Record<Value, string>;
}) {
  return (
    <div role="group" aria-label={label} className="inline-flex overflow-hidden rounded-md border border-line">
      {values.map((one) => (
        <button key={one} type="button" aria-pressed={one === value} onClick={() => choose(one)}
          className={`min-h-6 cursor-pointer px-2 text-xs font-medium -outline-offset-2 ${one === value ? "bg-accent text-card" : "text-faint hover:text-ink"}`}>
          {words[one]}
        </button>
      ))}
    </div>
  );
}
