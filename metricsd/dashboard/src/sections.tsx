// sections.tsx - the parts of the page that a link can name (#events), in the order of the navigation. A new one is a row
// here, and its title in both languages.
import type { ReactNode } from "react";

import type { Texts } from "./i18n";
import { Overview } from "./Overview";
import { Clients } from "./panels/Clients";
import { Events } from "./panels/Events";
import { Latency } from "./panels/Latency";
import { Plots } from "./panels/Plots";
import { Processes } from "./panels/Processes";
import { QueueTable } from "./panels/QueueTable";

const en = { overview: "Overview", queue: "Queue", latency: "Latency", events: "Events", processes: "Processes" };

export type SectionId = keyof typeof en;

export const sectionTitles: Texts<Record<SectionId, string>> = {
  en,
  pt: { overview: "Visão geral", queue: "Fila", latency: "Latência", events: "Eventos", processes: "Processos" },
};

export const sections: Record<SectionId, () => ReactNode> = {
  overview: () => <Overview />,
  queue: () => <div className="grid grid-cols-1 items-start gap-3 xl:grid-cols-2"><QueueTable /><Clients /></div>,
  latency: () => <div className="grid grid-cols-1 gap-3"><Latency full /><Plots /></div>,
  events: () => <Events />,
  processes: () => <Processes />,
};

export const sectionIds = Object.keys(sections) as SectionId[];
