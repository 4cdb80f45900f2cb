import { runScript, type Send } from './client.ts';
import { changeScript } from './scripts.ts';

/** What is to be done to tags: their locks are taken with a new stamp, or ended. */
export interface TagChange {
  readonly transaction: string;
  /** How long the locks last, in milliseconds; 0 ends them. */
  readonly ttl: number;
  /** The keys of the tags. */
  readonly keys: readonly string[];
}

/** What has become of tags. */
export interface Changed {
  /** Those that were locked have these, in the order of their keys. */
  readonly stamps: readonly string[];
  /** The server's epoch at the change; null where the server has lost it, undefined on a cluster, where it is not known. */
  readonly epoch: string | null | undefined;
}

interface Waiting {
  readonly change: TagChange;
  readonly resolve: (changed: Changed) => void;
  readonly reject: (error: unknown) => void;
}

/** So many keys are enough for one command. */
const enoughKeys = 500;

/**
 * Sends changes of tags, one command at a time: what is asked for while one is under way goes with the next one, which spares the
 * server and this process most of them under load.
 */
export class Changes {
  readonly #run: (keys: string[], args: (string | number)[]) => Promise<unknown>;
  readonly #channel: string;
  readonly #epochKey: string;
  readonly #isCluster: boolean;
  #waiting: Waiting[] = [];
  /** How many of those are ends of locks. */
  #ends = 0;
  #isBusy = false;

  /** @param guard puts a command under its time limit */
  constructor(
    send: Send,
    isCluster: boolean,
    guard: (work: () => Promise<unknown>) => Promise<unknown>,
    channel: string,
    epochKey: string,
  ) {
    this.#isCluster = isCluster;
    this.#channel = channel;
    this.#epochKey = epochKey;
    this.#run = (keys, args) => guard(() => runScript(send, changeScript, keys, args));
  }

  /** Resolves when it is done. */
  make(change: TagChange): Promise<Changed> {
    const { keys } = change;
    if (!this.#isCluster && keys.length <= enoughKeys) return this.#enqueue(change);
    return this.#makeInParts(change);
  }

  async #makeInParts(change: TagChange): Promise<Changed> {
    // The servers of a cluster take no command for keys of several of them.
    const parts = chunksOf(change.keys, this.#isCluster ? 1 : enoughKeys).map((keys) => ({ ...change, keys }));
    const make = async (part: TagChange): Promise<Changed> =>
      this.#isCluster ? changedBy(part, await this.#send([part])) : await this.#enqueue(part);
    const all = await Promise.all(parts.map(make));
    const epochs = new Set(all.map(({ epoch }) => epoch));
    return { stamps: all.flatMap(({ stamps }) => stamps), epoch: epochs.size > 1 ? null : all[0]?.epoch };
  }

  /** Sends what waits at once where locks are to end: what is sent afterwards finds that they have. */
  sendEnds(): void {
    while (this.#ends > 0) void this.#sendOut(this.#take());
  }

  #enqueue(change: TagChange): Promise<Changed> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ change, resolve, reject });
      if (change.ttl === 0) this.#ends += 1;
      if (this.#isBusy) return;
      this.#isBusy = true;
      // What else is to come of this turn of the event loop goes along.
      setImmediate(() => void this.#work());
    });
  }

  async #work(): Promise<void> {
    while (this.#waiting.length > 0) await this.#sendOut(this.#take());
    this.#isBusy = false;
  }

  async #sendOut(batch: readonly Waiting[]): Promise<void> {
    try {
      const answer = await this.#send(batch.map(({ change }) => change));
      for (const { change, resolve } of batch) resolve(changedBy(change, answer));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  #send(changes: readonly TagChange[]): Promise<unknown> {
    const keys: string[] = [];
    const args: (string | number)[] = [this.#channel];
    for (const change of changes) {
      for (const key of change.keys) keys.push(key);
      args.push(change.keys.length, change.transaction, change.ttl);
    }
    if (!this.#isCluster) keys.push(this.#epochKey);
    return this.#run(keys, args);
  }

  #take(): readonly Waiting[] {
    let [count, keys] = [0, 0];
    for (const { change } of this.#waiting) {
      keys += change.keys.length;
      if (count > 0 && keys > enoughKeys) break;
      count += 1;
      if (change.ttl === 0) this.#ends -= 1;
    }
    return this.#waiting.splice(0, count);
  }
}

/** @param answer what the new stamps end with, and the epoch */
function changedBy({ keys, transaction, ttl }: TagChange, answer: unknown): Changed {
  const [time, epoch] = answer as readonly [string, string | null | undefined];
  const stamp = `${transaction}.${time}`;
  return { stamps: ttl === 0 ? [] : keys.map(() => stamp), epoch };
}

function chunksOf(keys: readonly string[], size: number): readonly (readonly string[])[] {
  const chunks: (readonly string[])[] = [];
  for (let from = 0; from < keys.length; from += size) chunks.push(keys.slice(from, from + size));
  return chunks;
}
