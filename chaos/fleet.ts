import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { until } from '../test/support/settled.ts';
import type { Instruction, Phase, ShopMessage, ShopSettings } from './settings.ts';

const program = fileURLToPath(new URL('shop/main.ts', import.meta.url));
/** What is compiled once is compiled for all processes. */
const compileCache = fileURLToPath(new URL('../node_modules/.cache/node', import.meta.url));
/** The longest that a process may take to end by itself when it has closed everything, in milliseconds. */
const mostEnd = 30_000;
/** The longest that a phase of the end may take in a process. */
const mostPhase = 90_000;

interface Member {
  readonly name: string;
  readonly child: ChildProcess;
  readonly done: Set<Phase>;
  /** The end of what it has written to its standard error. */
  said: string;
  isReady: boolean;
  isKilled: boolean;
}

export interface FleetOptions {
  readonly size: number;
  /** Of the process with a number. */
  settings(number: number): ShopSettings;
  onMessage(message: ShopMessage): void;
  /** Something that a process may not do. */
  onWrong(what: string): void;
}

/** The processes of the shop: one that is killed is replaced. */
export class Fleet {
  readonly #options: FleetOptions;
  readonly #members = new Set<Member>();
  #started = 0;
  #isEnding = false;

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    await Promise.all(Array.from({ length: this.#options.size }, () => this.#add()));
  }

  /** The process that a number from 0 to 1 chooses of those that work. */
  choose(target: number): ChildProcess | undefined {
    return this.#choose(target)?.child;
  }

  /** Kills one that works, where it is not the last one. @returns whether it did */
  async kill(target: number): Promise<boolean> {
    const member = this.#choose(target);
    if (member === undefined || this.#working().length < 2) return false;
    member.isKilled = true;
    member.child.kill('SIGKILL');
    if (member.child.exitCode === null && member.child.signalCode === null) await once(member.child, 'exit');
    void this.#add();
    return true;
  }

  /** Sets the clock of one that works. @param skew milliseconds by which it is wrong then */
  setClock(target: number, skew: number): void {
    const member = this.#choose(target);
    if (member !== undefined) tell(member.child, { kind: 'set the clock', skew });
  }

  /** Every process goes through a phase of the end. */
  async go(phase: Phase): Promise<void> {
    this.#isEnding = true;
    const members = [...this.#members].filter(({ isKilled }) => !isKilled);
    for (const { child } of members) tell(child, { kind: 'phase', phase });
    const late = (): Member[] => members.filter((member) => this.#members.has(member) && !member.done.has(phase));
    try {
      await until(`all are through with "${phase}"`, () => late().length === 0, mostPhase);
    } catch {
      for (const { name } of late()) this.#options.onWrong(`${name} is stuck: it does not get through "${phase}"`);
    }
  }

  /** After the last phase a process has nothing left that keeps it alive. */
  async end(): Promise<void> {
    try {
      await until('all processes have ended', () => this.#members.size === 0, mostEnd);
    } catch {
      for (const { name } of this.#members)
        this.#options.onWrong(`${name} has closed everything and does not end: a connection or timer is left`);
    }
    this.killAll();
  }

  killAll(): void {
    this.#isEnding = true;
    for (const member of this.#members) {
      member.isKilled = true;
      member.child.kill('SIGKILL');
    }
  }

  #working(): readonly Member[] {
    return [...this.#members].filter(({ isReady, isKilled }) => isReady && !isKilled);
  }

  #choose(target: number): Member | undefined {
    const working = this.#working();
    return working[Math.floor(target * working.length)];
  }

  async #add(): Promise<void> {
    if (this.#isEnding) return;
    this.#started += 1;
    const settings = this.#options.settings(this.#started);
    const args = ['--disable-warning=ExperimentalWarning', program, JSON.stringify(settings)];
    const env = { NODE_COMPILE_CACHE: compileCache, ...process.env };
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'inherit', 'pipe', 'ipc'] });
    const member: Member = { name: settings.name, child, done: new Set(), said: '', isReady: false, isKilled: false };
    this.#members.add(member);
    child.stderr?.on('data', (data: Buffer) => (member.said = (member.said + data.toString()).slice(-2_000)));
    const ready = new Promise<void>((resolve) => {
      child.on('message', (message: ShopMessage) => {
        if (message.kind === 'ready') {
          member.isReady = true;
          resolve();
        }
        this.#hear(member, message);
      });
      child.on('close', (code) => {
        this.#left(member, code);
        resolve();
      });
    });
    await ready;
  }

  #hear(member: Member, message: ShopMessage): void {
    if (message.kind !== 'done') {
      this.#options.onMessage(message);
      return;
    }
    member.done.add(message.phase);
    for (const what of message.found) this.#options.onWrong(`${member.name}: ${what}`);
  }

  #left(member: Member, code: number | null): void {
    this.#members.delete(member);
    if (member.isKilled || (code === 0 && member.done.has('close'))) return;
    this.#options.onWrong(`${member.name} has ended by itself with ${code ?? 'a signal'}: ${member.said.trim()}`);
    void this.#add();
  }
}

/** One that has ended just now is reported where its end is heard. */
function tell(child: ChildProcess, instruction: Instruction): void {
  child.send(instruction, () => {});
}
