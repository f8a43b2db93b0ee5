// sections.tsx - the parts of the page that a link can name (#events), in the order of the navigation. A new one is a row
// here, and its title in both languages.
import type { ReactNode } from "react";

import type { Texts } from "./i18n";
import { Overview } from "./Overview";
import { BreakerControls } from "./panels/BreakerControls";
import { BreakerTile } from "./panels/BreakerTile";
import { Bursts } from "./panels/Bursts";
import { Clients } from "./panels/Clients";
import { Configuration } from "./panels/Configuration";
import { Events } from "./panels/Events";
import { LaneControls } from "./panels/LaneControls";
import { Latency } from "./panels/Latency";
import { Plots } from "./panels/Plots";
import { Processes } from "./panels/Processes";
import { Query } from "./panels/Query";
import { QueueTable } from "./panels/QueueTable";
import { Remove } from "./panels/Remove";
import { Simulator } from "./panels/Simulator";

const en = { overview: "Overview", queue: "Queue", control: "Control", query: "Query", bursts: "Bursts", latency: "Latency", events: "Events", processes: "Processes", configuration: "Configuration" };

export type SectionId = keyof typeof en;

export const sectionTitles: Texts<Record<SectionId, string>> = {
  en,
  pt: { overview: "Visão geral", queue: "Fila", control: "Controle", query: "Consulta", bursts: "Rajadas", latency: "Latência", events: "Eventos", processes: "Processos", configuration: "Configuração" },
};

export const sections: Record<SectionId, () => ReactNode> = {
  overview: () => <Overview />,
  queue: () => <div className="grid grid-cols-1 items-start gap-3 xl:grid-cols-2"><QueueTable action={(row) => <Remove row={row} />} /><Clients /></div>,
  control: () => <div className="grid grid-cols-1 items-start gap-3 lg:grid-cols-3"><LaneControls /><BreakerTile controls={<BreakerControls />} /><div className="lg:col-span-3"><Simulator /></div></div>,
  query: () => <Query />,
  bursts: () => <Bursts />,
  latency: () => <div className="grid grid-cols-1 gap-3"><Latency full /><Plots /></div>,
  events: () => <Events />,
  processes: () => <Processes />,
  configuration: () => <Configuration />,
};

export const sectionIds = Object.keys(sections) as SectionId[];
