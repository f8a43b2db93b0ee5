import { useState } from "react";

import { useLanguage, useText } from "../i18n";
import { useLive } from "../live";
import { Card } from "../parts/Card";
import { Choice } from "../parts/Choice";
import { Field } from "../parts/Field";
import { Table } from "../parts/Table";
import { findOptions, optionRows, type OptionRow, type Which } from "../options";

const whiches = ["all", "changed", "differing"] as const;
const text = {
  en: {
    title: "Configuration", search: "Search in names, values, explanations", show: "Show",
    which: { all: "All", changed: "Changed", differing: "Differing" } satisfies Record<Which, string>,
    option: "option", value: "value", processes: "where", fallback: (value: string) => `default: ${value}`, empty: "empty", set: "set (secret)", unset: "not set",
    none: "No option like that.", silent: "No process has told its options yet.", some: (n: number, of: number) => `${n} of ${of} options`,
    hint: "Options come from the environment, or from .env, when a process starts. The orders of this page hold until then, or longer: gateway/README.md.",
  },
  pt: {
    title: "Configuração", search: "Buscar em nomes, valores e explicações", show: "Mostrar",
    which: { all: "Todas", changed: "Alteradas", differing: "Divergentes" } satisfies Record<Which, string>,
    option: "opção", value: "valor", processes: "onde", fallback: (value: string) => `padrão: ${value}`, empty: "vazio", set: "definido (segredo)", unset: "não definido",
    none: "Nenhuma opção assim.", silent: "Nenhum processo informou suas opções ainda.", some: (n: number, of: number) => `${n} de ${of} opções`,
    hint: "As opções vêm do ambiente, ou do .env, quando um processo inicia. As ordens desta página valem até lá, ou mais: gateway/README.md.",
  },
};

/** All options of all processes, as they have them; explanations are those of the table. */
export function Configuration() {
  const { state } = useLive();
  const t = useText(text);
  const [search, setSearch] = useState("");
  const [which, setWhich] = useState<Which>("all");
  const rows = state ? optionRows(state.views) : [];
  const found = findOptions(rows, search, which);

  return (
    <Card title={t.title} extra={<Choice label={t.show} values={whiches} value={which} choose={setWhich} words={t.which} />}>
      <div className="mb-2 flex flex-wrap items-end justify-between gap-x-4 gap-y-1">
        <Field label={t.search} type="search" value={search} maxLength={64} frame="w-full max-w-96" onChange={(event) => setSearch(event.target.value)} />
        <p role="status" className="text-xs text-faint">{t.some(found.length, rows.length)}</p>
      </div>
      <Table caption={t.title} empty={rows.length === 0 ? t.silent : t.none} rows={found} rowKey={(row) => row.name} columns={[
        { head: t.option, rowHead: true, cell: (row) => <Name row={row} /> },
        { head: t.value, cell: (row) => <Values row={row} /> },
      ]} />
      <p className="mt-2 text-xs text-faint">{t.hint}</p>
    </Card>
  );
}

/** Explanations are of the program, in its own language. */
function Name({ row }: { row: OptionRow }) {
  return (
    <>
      <code className="text-xs font-semibold break-all">{row.name}</code>
      {row.option && <code lang="en" className="ml-2 text-xs text-faint">{row.option.unit.replaceAll("|", " | ")}</code>}
      {row.option && <p lang="en" className="max-w-[90ch] text-xs text-faint">{row.option.help}</p>}
    </>
  );
}

function Values({ row }: { row: OptionRow }) {
  const { language } = useLanguage();
  const t = text[language];
  const word = (value: string) => (row.option?.type === "SECRET" ? (value === "" ? t.unset : t.set) : value === "" ? t.empty : value);
  const unit = row.option?.type === "SECONDS" ? " s" : "";

  return (
    <ul className="min-w-24">
      {row.given.map(({ value, processes }) => (
        <li key={value}>
          <span className={`break-all tabular-nums ${row.changed ? "font-semibold" : ""} ${value === "" ? "text-faint" : ""}`}>{word(value)}{value !== "" && unit}</span>{" "}
          <span className="text-xs text-faint">{processes.join(", ")}</span>
        </li>
      ))}
      {row.changed && row.option && row.option.type !== "SECRET" && <li className="text-xs text-faint">{t.fallback(word(row.option.fallback) + unit)}</li>}
    </ul>
  );
}
