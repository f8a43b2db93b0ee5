// stack.ts - a whole stack as people run it (deploy/run, so s6 starts again what is killed), on free ports and in a folder
// of its own, for one file of tests.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const root = resolve(new URL(".", import.meta.url).pathname, "../..");
const START_MS = 40_000;

export interface StackState {
  seq: number;
  values: Record<string, number>;
  quantiles: Record<string, number>;
  processes: { process: string; pid: number; up: boolean; epoch: string }[];
  slots: { sent: { at_us: number }[]; violations: number };
  links: { gateway: string; simulator: string };
}

/** Asks until the answer is true, and gives it. */
export async function until<T>(ask: () => Promise<T> | T, what: string, seconds = 10): Promise<NonNullable<T>> {
  const end = Date.now() + seconds * 1000;
  let last: unknown;

  for (;;) {
    try {
      const answer = await ask();
      if (answer) return answer as NonNullable<T>;
      last = answer;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`not within ${seconds} s: ${what} (${String(last)})`);
    await new Promise((done) => setTimeout(done, 20));
  }
}

export class Stack {
  gateway = "";
  dashboard = "";
  simulator = "";

  private constructor(private readonly run: ChildProcess, private readonly folder: string) {}

  static async start(options: Record<string, string> = {}): Promise<Stack> {
    const folder = mkdtempSync(join(tmpdir(), "sluice-browser-"));
    const bin = process.env["SLUICE_BIN"] ?? join(root, "build/release/bin");
    const run = spawn(join(root, "deploy/run"), ["--no-install", "--build", bin], {
      cwd: folder,
      env: {
        PATH: process.env["PATH"], HOME: process.env["HOME"], GATEWAY_PORT: "0", METRICSD_PORT: "0", SIMULATOR_PORT: "0",
        FEED_ENDPOINT: `ipc://${folder}/public.ipc`, ...options,
      },
      stdio: ["ignore", "pipe", openSync(join(folder, "log"), "a")],
      detached: true,
    });
    const stack = new Stack(run, folder);

    await stack.readUrls();
    return stack;
  }

  private async readUrls() {
    let text = "";

    this.run.stdout?.setEncoding("utf8").on("data", (more: string) => (text += more));
    await until(() => text.includes("curl") || this.run.exitCode !== null, "the URLs", START_MS / 1000);
    if (this.run.exitCode !== null) throw new Error(`deploy/run has ended:\n${this.log().slice(-3000)}`);
    const url = (name: string) => new RegExp(`^  ${name} +(http://[^/\\s]+)`, "m").exec(text)?.[1] ?? "";
    this.gateway = url("gateway");
    this.dashboard = url("dashboard");
    this.simulator = url("provider");
    await until(async () => (await fetch(`${this.gateway}/readyz`)).ok, "the stack is ready");
    // A page that is loaded before metricsd knows of the gateway is not allowed to connect to it, and loads itself anew.
    await until(async () => (await this.state()).links.gateway !== null, "metricsd knows the gateway");
  }

  log() {
    return readFileSync(join(this.folder, "log"), "utf8");
  }

  async stop() {
    if (this.run.exitCode === null) {
      this.run.kill("SIGTERM");
      await once(this.run, "exit");
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  async state(): Promise<StackState> {
    return (await fetch(`${this.dashboard}/api/state`)).json() as Promise<StackState>;
  }

  async value(name: string): Promise<number> {
    return (await this.state()).values[name] ?? NaN;
  }

  /** kill -9; s6 starts it again. */
  async kill(name: string) {
    const state = await this.state();
    const process_ = state.processes.find((p) => p.process === name && p.up);
    if (!process_) throw new Error(`no ${name} is up`);
    process.kill(process_.pid, "SIGKILL");
    return process_;
  }

  /** s6 leaves it alone from now on; startAgain() lets it go on. */
  async stopRestarts(name: string) {
    await this.s6("-o", name);
  }

  async startAgain(name: string) {
    await this.s6("-u", name);
  }

  private async s6(what: string, name: string) {
    const [status] = await once(spawn("s6-svc", [what, join(this.folder, "run/services", name)], { stdio: "ignore" }), "exit");
    if (status !== 0) throw new Error(`s6-svc ${what} ${name}: ${status}`);
  }

  async faults(form: string) {
    const answer = await fetch(`${this.simulator}/control/faults?${form}`, { method: "POST" });
    if (!answer.ok) throw new Error(await answer.text());
  }

  async arrivals(): Promise<{ ns: number; verdict: string }[]> {
    const log = (await (await fetch(`${this.simulator}/control/log?limit=10000`)).json()) as { entries: [] };
    return log.entries;
  }

  /** Requests that wait, each on a connection of its own; their statuses, once they have come. */
  ask(cpfs: string[], extra = ""): Promise<number[]> {
    return Promise.all(cpfs.map(async (cpf) => {
      const answer = await fetch(`${this.gateway}/proxy/score?cpf=${cpf}${extra}`);
      await answer.arrayBuffer();
      return answer.status;
    }));
  }

  async admin(method: string, path: string, body?: object, token?: string) {
    const answer = await fetch(`${this.gateway}/admin/${path}`, {
      method, headers: { "Content-Type": "application/json", ...(token ? { Authorization: `Bearer ${token}` } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.status === 204 ? null : answer.json();
  }
}

/** The synthetic CPF of that number, with its check digits. */
export function cpf(number: number): string {
  const digits = [...String(100_000_000 + ((number * 7919) % 899_999_981))].map(Number);

  for (let round = 0; round < 2; round++) {
    const rest = digits.reduce((sum, digit, i) => sum + digit * (digits.length + 1 - i), 0) * 10 % 11;
    digits.push(rest % 10);
  }
  return digits.join("");
}
