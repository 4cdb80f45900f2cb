import { type HistoryEntry, nextId, systemClock } from '../../core/index.ts';
import type { ProcessReport } from '../look/report.ts';
import type { ProcessView } from '../snapshot.ts';
import type { FleetBus } from './bus.ts';
import { Assembly, type Parcel, readParcel, unpacked } from './parcels.ts';
import { questionText, readFarewell } from './questions.ts';
import { readHistory, readReport } from './read-report.ts';

/** A process that has not answered for so long is silent, and is forgotten later, in milliseconds. */
const silentAfter = 5_000;
const forgottenAfter = 120_000;
/** Processes that are kept track of, and answers that are put together at once. */
const mostProcesses = 500;
const mostAssemblies = 1_000;
/** What is kept of the answers to one question, in characters. */
const mostKept = 33_554_432;
/** How many questions are open: answers to older ones come too late. */
const openQuestions = 8;
const historyTimeout = 2_000;

/** What is known of another process. */
export interface Known {
  readonly id: string;
  /** The last that could be read. */
  report: ProcessReport | undefined;
  status: ProcessView['status'];
  /** When it last answered as it should, and when it was first known, by the monotonic clock. */
  answeredAt: number;
  /** When it was asked for that. */
  askedAt: number;
  readonly knownSince: number;
}

interface Asked {
  readonly id: string;
  readonly at: number;
  readonly isHistory: boolean;
  readonly assemblies: Map<string, Assembly | 'done'>;
  /** Characters that have come. */
  size: number;
  readonly onHistory?: ((processId: string, history: readonly HistoryEntry[]) => void) | undefined;
}

/** The other processes, as they answer. What they send is bounded, and read as what came from outside. */
export class Fleet {
  readonly #bus: FleetBus;
  readonly #own: string;
  readonly #onReport: (report: ProcessReport) => void;
  readonly #known = new Map<string, Known>();
  /** When processes have left: an answer from before may still be read, and is not to bring them back. */
  readonly #leftAt = new Map<string, number>();
  #asked: readonly Asked[] = [];
  #problem: string | undefined;

  /** @param own the id of this process, which asks itself without the bus */
  constructor(bus: FleetBus, own: string, onReport: (report: ProcessReport) => void) {
    this.#bus = bus;
    this.#own = own;
    this.#onReport = onReport;
  }

  /** Why the others cannot be asked, in words. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Asks all to tell of themselves; they are heard as they answer. */
  ask(): void {
    const id = this.#open({ isHistory: false });
    this.#publish(questionText({ id, from: this.#own, about: 'report' }));
  }

  /** Asks who has a transaction for what happened in its chain. */
  async historyOf(
    transaction: string,
  ): Promise<{ readonly processId: string; readonly history: readonly HistoryEntry[] } | undefined> {
    const { promise, resolve } = Promise.withResolvers<
      { readonly processId: string; readonly history: readonly HistoryEntry[] } | undefined
    >();
    const id = this.#open({ isHistory: true, onHistory: (processId, history) => resolve({ processId, history }) });
    const cancelTimer = systemClock.setTimer(() => resolve(undefined), historyTimeout, true);
    this.#publish(questionText({ id, from: this.#own, about: 'history', transaction }));
    try {
      return await promise;
    } finally {
      cancelTimer();
    }
  }

  hear(text: string): void {
    const leaving = readFarewell(text);
    if (leaving !== undefined) this.#forget(leaving);
    const parcel = readParcel(text);
    if (parcel === undefined || parcel.from === this.#own) return;
    const asked = this.#asked.find(({ id }) => id === parcel.ask);
    if (asked !== undefined) this.#take(asked, parcel);
  }

  /** Those that are known now. */
  known(): readonly Known[] {
    const now = performance.now();
    for (const [id, { answeredAt, knownSince }] of this.#known) {
      if (now - Math.max(answeredAt, knownSince) > forgottenAfter) this.#known.delete(id);
    }
    return [...this.#known.values()].map((known) => {
      const isSilent = known.status === 'answered' && now - known.answeredAt > silentAfter;
      return isSilent ? { ...known, status: 'silent' } : known;
    });
  }

  #open(question: Pick<Asked, 'isHistory' | 'onHistory'>): string {
    const id = nextId();
    const asked = { ...question, id, at: performance.now(), assemblies: new Map(), size: 0 };
    this.#asked = [...this.#asked.slice(-(openQuestions - 1)), asked];
    return id;
  }

  #publish(text: string): void {
    this.#bus.publish(text).then(
      () => (this.#problem = undefined),
      () => (this.#problem = 'The other processes cannot be asked: the connection to them is lost'),
    );
  }

  #take(asked: Asked, parcel: Parcel): void {
    const { from, count, data } = parcel;
    if (this.#hasLeftSince(asked, from)) return;
    asked.size += data.length;
    if (asked.size > mostKept) return;
    const assembly = asked.assemblies.get(from) ?? new Assembly(count);
    if (assembly === 'done') return;
    if (!asked.assemblies.has(from) && asked.assemblies.size >= mostAssemblies) return;
    asked.assemblies.set(from, assembly);
    // Until it has sent the rest.
    if (!this.#known.has(from)) this.#note(from, 'silent');
    const whole = assembly.add(parcel);
    if (whole === undefined) return;
    asked.assemblies.set(from, 'done');
    if (typeof whole === 'string') this.#note(from, whole);
    else void this.#read(asked, from, whole.whole);
  }

  async #read(asked: Asked, from: string, packed: string): Promise<void> {
    try {
      const answer = await unpacked(packed);
      if (asked.isHistory) {
        asked.onHistory?.(from, readHistory(answer));
        return;
      }
      const report = readReport(answer);
      if (report.identity.id !== from) throw new Error('another process');
      if (this.#hasLeftSince(asked, from)) return;
      this.#note(from, 'answered', { report, askedAt: asked.at });
      this.#onReport(report);
    } catch (error) {
      if (this.#hasLeftSince(asked, from)) return;
      const isTooLarge = error instanceof RangeError;
      this.#note(from, isTooLarge ? 'tooLarge' : 'garbled');
    }
  }

  #forget(id: string): void {
    this.#known.delete(id);
    this.#leftAt.set(id, performance.now());
    const [oldest] = this.#leftAt.keys();
    if (oldest !== undefined && this.#leftAt.size > mostProcesses) this.#leftAt.delete(oldest);
  }

  #hasLeftSince({ at }: Asked, id: string): boolean {
    return at <= (this.#leftAt.get(id) ?? Number.NEGATIVE_INFINITY);
  }

  #note(id: string, status: Known['status'], answer?: Pick<Known, 'report' | 'askedAt'>): void {
    const now = performance.now();
    const known = this.#known.get(id) ?? { id, report: undefined, status, answeredAt: 0, askedAt: 0, knownSince: now };
    if (!this.#known.has(id) && this.#known.size >= mostProcesses) return;
    known.status = status;
    if (answer !== undefined) Object.assign(known, answer, { answeredAt: now });
    this.#known.set(id, known);
  }
}
