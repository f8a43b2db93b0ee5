import { BreakerTile } from "./panels/BreakerTile";
import { Cache } from "./panels/Cache";
import { Latency } from "./panels/Latency";
import { Pipeline } from "./panels/Pipeline";
import { QueueTable } from "./panels/QueueTable";
import { Refusals } from "./panels/Refusals";
import { SlotStrip } from "./panels/SlotStrip";
import { Totals } from "./panels/Totals";

/** What one wants to see at a glance; one screen at 1440 x 900. */
export function Overview() {
  return (
    <div className="grid grid-cols-1 gap-3 lg:grid-cols-12">
      <div className="min-w-0 lg:col-span-12"><Pipeline /></div>
      <div className="grid min-w-0 content-start gap-3 lg:col-span-7">
        <SlotStrip />
        <div className="grid gap-3 sm:grid-cols-2">
          <Cache />
          <BreakerTile />
          <Totals />
          <Refusals className="max-h-60 lg:max-h-44" />
        </div>
      </div>
      <div className="flex min-w-0 flex-col gap-3 lg:col-span-5">
        <QueueTable className="max-h-96 lg:max-h-none lg:flex-[1_1_14rem]" />
        <Latency />
      </div>
    </div>
  );
}
