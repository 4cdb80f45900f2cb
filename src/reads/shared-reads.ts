import type { LoneRead, LoneReads, Results, TransactionalClient } from '../connection/index.ts';
import type { OnSent } from '../observation/index.ts';
import { type Answer, ReadFlight, type Waiting } from './read-flight.ts';

/** How many reads travel in one write at most: one that is slow holds up those behind it. */
const mostTogether = 8;
/** Among how many those are looked for. */
const mostLooked = 4 * mostTogether;
/** How many connections carry such reads at a time where the server is near: with fewer, more of them travel together. */
const leastPlaces = 2;
/** What the server may need for a text on average, in milliseconds, so that it travels with others. */
const quick = 2;
/** After so many milliseconds without an end nothing waits for those that travel together. */
const overdue = 20;
/** How often a text has to be measured before. */
const leastRuns = 3;
/** Over how many runs the mean goes. */
const window = 16;
/** Texts that are measured; the oldest go. */
const mostTexts = 1_000;

interface Pace {
  mean: number;
  runs: number;
}

/**
 * Reads outside of transactions that are quick share connections: those that are there in one turn of the event loop, or wait for
 * a connection that carries such reads, go in one write. What does not succeed runs by itself, as if it had never travelled.
 */
export class SharedReads implements LoneReads {
  readonly #client: TransactionalClient;
  readonly #paces = new Map<string, Pace>();
  /** The shortest time from a write to its answer, in milliseconds: what the way alone takes. */
  #way = Number.POSITIVE_INFINITY;
  #waiting: Waiting[] = [];
  readonly #flights = new Set<ReadFlight>();
  /** Places that are taken. */
  #taken = 0;
  #isWatching = false;

  constructor(client: TransactionalClient) {
    this.#client = client;
  }

  /**
   * Runs a read that may travel with others: by itself as long as few do, and otherwise with those that wait as well.
   * @param byItself runs it, and has `onSent` called when it is sent
   */
  async run(read: LoneRead, byItself: (onSent: OnSent) => Promise<Results>): Promise<Results> {
    let hasPlace = false;
    if (this.#isQuick(read.statement.text)) {
      hasPlace = this.#takePlace();
      const answer = hasPlace ? 'alone' : await this.#wait(read);
      if (typeof answer !== 'string') return answer;
      hasPlace = answer === 'alone';
    }
    try {
      return await this.#measured(read, byItself);
    } finally {
      if (hasPlace) this.#leave();
    }
  }

  #isQuick(text: string): boolean {
    const pace = this.#paces.get(text);
    return pace !== undefined && pace.runs >= leastRuns && pace.mean < quick;
  }

  async #measured(
    { statement: { text }, onSent }: LoneRead,
    byItself: (onSent: OnSent) => Promise<Results>,
  ): Promise<Results> {
    const { clock } = this.#client;
    let sentAt = clock.now();
    const results = await byItself((connection) => {
      sentAt = clock.now();
      onSent?.(connection);
    });
    const elapsed = clock.now() - sentAt;
    this.#way = Math.min(this.#way, elapsed);
    this.#note(text, elapsed - this.#way);
    return results;
  }

  /** While messages are on their way the server has nothing to do. */
  get #places(): number {
    return Math.min(this.#client.pool.settings.max, leastPlaces + Math.floor(this.#way));
  }

  #takePlace(): boolean {
    if (this.#waiting.length > 0 || this.#taken >= this.#places) return false;
    this.#taken += 1;
    return true;
  }

  async #wait(read: LoneRead): Promise<Answer> {
    if (!this.#isWatching) this.#watch();
    const { clock } = this.#client;
    const { promise, resolve: settle, reject: fail } = Promise.withResolvers<Answer>();
    const waiting: Waiting = { ...read, since: clock.now(), settle, fail };
    this.#waiting.push(waiting);
    const { limit } = read;
    if (limit === undefined) return await promise;
    const stop = clock.setTimer(() => {
      this.#forget(waiting);
      fail(limit.error());
    }, limit.remaining);
    return await promise.finally(stop);
  }

  #forget(read: Waiting): void {
    const index = this.#waiting.indexOf(read);
    if (index >= 0) this.#waiting.splice(index, 1);
    else for (const flight of this.#flights) flight.leave(read);
  }

  /** What has a place may wait for a lock: no one waits for long for it. */
  #watch(): void {
    const { clock } = this.#client;
    this.#isWatching = true;
    clock.setTimer(() => {
      const before = clock.now() - overdue;
      while ((this.#waiting[0]?.since ?? Number.POSITIVE_INFINITY) <= before) this.#waiting.shift()?.settle('again');
      this.#isWatching = false;
      if (this.#waiting.length > 0) this.#watch();
    }, overdue);
  }

  /** What comes in the rest of this turn of the event loop travels with those that wait. */
  #leave(): void {
    if (this.#waiting.length === 0) this.#taken -= 1;
    else queueMicrotask(() => process.nextTick(() => this.#launch()));
  }

  #launch(): void {
    const reads = takeAlike(this.#waiting);
    const [first] = reads;
    if (first === undefined) this.#taken -= 1;
    else if (reads.length === 1) first.settle('alone');
    else void this.#fly(reads);
  }

  async #fly(reads: readonly Waiting[]): Promise<void> {
    const { clock } = this.#client;
    const patience = overdue + this.#places;
    const flight = new ReadFlight(this.#client, reads);
    this.#flights.add(flight);
    let hasLeft = false;
    const leave = (): void => {
      if (!hasLeft) this.#leave();
      hasLeft = true;
    };
    const look = (): void => {
      const late = flight.hurry(overdue);
      if (late !== undefined) this.#paces.delete(late.statement.text);
      leave();
      cancelTimer = clock.setTimer(look, patience);
    };
    let cancelTimer = clock.setTimer(look, patience);
    try {
      await flight.run((read, elapsed) => this.#note(read.statement.text, elapsed));
    } finally {
      cancelTimer();
      this.#flights.delete(flight);
      leave();
    }
  }

  #note(text: string, elapsed: number): void {
    const pace = this.#paces.get(text) ?? { mean: 0, runs: 0 };
    pace.runs = Math.min(pace.runs + 1, window);
    pace.mean += (elapsed - pace.mean) / pace.runs;
    if (this.#paces.size >= mostTexts && !this.#paces.has(text)) {
      const [oldest] = this.#paces.keys();
      if (oldest !== undefined) this.#paces.delete(oldest);
    }
    this.#paces.set(text, pace);
  }
}

/** The first, and as many of those behind it as may travel with it: a database that closes lets only one kind end. */
function takeAlike(waiting: Waiting[]): readonly Waiting[] {
  const [taken, left]: [Waiting[], Waiting[]] = [[], []];
  const looked = waiting.slice(0, mostLooked);
  for (const read of looked) (read.begun === looked[0]?.begun && taken.length < mostTogether ? taken : left).push(read);
  waiting.splice(0, looked.length, ...left);
  return taken;
}
