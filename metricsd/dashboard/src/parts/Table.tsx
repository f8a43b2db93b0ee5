import type { ReactNode } from "react";

export interface Column<Row> {
  head: ReactNode;
  cell: (row: Row) => ReactNode;
  number?: boolean; // to the right, digits below each other
  rowHead?: boolean; // names the row
  wide?: boolean; // only where there is room for it
}

const WIDE = "hidden md:table-cell";

/** A table with its caption (for who reads by ear), and a sentence where there are no rows. */
export function Table<Row>({ caption, columns, rows, rowKey, empty }: {
  caption: string;
  columns: Column<Row>[];
  rows: Row[];
  rowKey: (row: Row) => string | number;
  empty?: ReactNode;
}) {
  if (rows.length === 0 && empty !== undefined)
    return <p className="text-sm text-faint">{empty}</p>;
  return (
    <table className="w-full border-collapse text-sm">
      <caption className="sr-only">{caption}</caption>
      <thead>
        <tr className="border-b border-line text-xs text-faint">
          {columns.map(({ head, number, wide }, i) => (
            <th key={i} scope="col" className={`px-1.5 py-1 font-medium first:pl-0 last:pr-0 ${number ? "text-right" : "text-left"} ${wide ? WIDE : ""}`}>
              {head}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={rowKey(row)} className="border-b border-line/50 last:border-0">
            {columns.map(({ cell, number, rowHead, wide }, i) => {
              const Cell = rowHead ? "th" : "td";
              return (
                <Cell
                  key={i}
                  {...(rowHead ? { scope: "row" as const } : {})}
                  className={`px-1.5 py-1 font-normal first:pl-0 last:pr-0 ${number ? "text-right whitespace-nowrap tabular-nums" : "text-left"} ${wide ? WIDE : ""}`}
                >
                  {cell(row)}
                </Cell>
              );
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
