// burst.ts - bursts as the gateway takes and tells them (gateway/README.md): an order out of a form, and the state of one.

import { typed } from "./format";

export type Kind = "list" | "repeat" | "made";

export interface BurstForm {
  kind: Kind;
  list: string[]; // good CPFs
  cpf: string | null;
  repeat: string;
  made: string;
  client: string;
  priority: string; // one, or several with commas between them
  concurrency: string;
  rate: string;
}

export type FormError = "empty" | "cpf" | "count" | "priority" | "concurrency" | "rate";

export interface BurstOrder {
  cpfs?: string[];
  cpf?: string;
  repeat?: number;
  client_id?: string;
  priority?: number | number[];
  concurrency?: number;
  rate?: number;
}

const PRIORITIES = 16;

function whole(text: string, least: number, most: number): number | null {
  const value = typed(text);

  return Number.isInteger(value) && value >= least && value <= most ? value : null;
}

/** The order, or what is wrong with the form. `make` makes a CPF of a number. */
export function orderOf(form: BurstForm, most: number, make: (number: number) => string): BurstOrder | FormError[] {
  const errors: FormError[] = [];
  const order: BurstOrder = {};
  const count = whole(form.kind === "made" ? form.made : form.repeat, 1, most);
  const priorities = form.priority.split(",").map((one) => whole(one, 0, 99));

  if (form.kind === "list") {
    order.cpfs = form.list;
    if (form.list.length === 0 || form.list.length > most)
      errors.push("empty");
  } else if (count === null) {
    errors.push("count");
  } else if (form.kind === "made") {
    order.cpfs = Array.from({ length: count }, (_, i) => make(i));
  } else {
    order.repeat = count;
  }
  if (form.kind === "repeat") {
    if (form.cpf === null)
      errors.push("cpf");
    else
      order.cpf = form.cpf;
  }
  if (form.client.trim() !== "")
    order.client_id = form.client.trim();
  if (form.priority.trim() !== "") {
    const good = priorities.filter((one) => one !== null);
    if (good.length !== priorities.length || good.length > PRIORITIES)
      errors.push("priority");
    else
      order.priority = good.length === 1 ? good[0] ?? 10 : good;
  }
  if (form.concurrency.trim() !== "") {
    const value = whole(form.concurrency, 1, 10000);
    if (value === null)
      errors.push("concurrency");
    else
      order.concurrency = value;
  }
  if (form.rate.trim() !== "") {
    const value = typed(form.rate);
    if (!(value >= 0.001 && value <= 10000))
      errors.push("rate");
    else
      order.rate = value;
  }
  return errors.length > 0 ? errors : order;
}

export interface BurstResult {
  index: number;
  state: "waiting" | "in_flight" | "ended" | "not_made";
  cpf: string | null;
  priority: number;
  request_id: string | null;
  status: number | null;
  reason: string | null;
  source: string | null;
  wait_us: number | null;
  total_us: number | null;
}

export interface Burst {
  id: string;
  href: string;
  state: "running" | "stopping" | "done" | "cancelled";
  requests: number;
  elapsed_ms: number;
  waiting: number;
  in_flight: number;
  ended: number;
  successful: number;
  failed: number;
  dropped: number;
  summary?: {
    sources: Record<string, number>;
    statuses: Record<string, number>;
    reasons: Record<string, number>;
    total_us: Record<string, number> | null;
  };
  results?: BurstResult[];
  next?: number | null;
}

export const isOver = (burst: Burst) => burst.state === "done" || burst.state === "cancelled";
