import { runScript, type Send } from './client.ts';
import { changeScript } from './scripts.ts';

/** What is to be done to tags: their locks are taken with a new stamp, or ended. */
export interface TagChange {
  readonly type: 'lock' | 'end';
  readonly transaction: string;
  /** The new one; where locks end, one for tags that have lost them. */
  readonly stamp: string;
  /** How long a lock lasts, in milliseconds. */
  readonly ttl: number;
  /** The keys of the tags. */
  readonly keys: readonly string[];
}

interface Waiting {
  readonly change: TagChange;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** So many keys are enough for one command. */
const enoughKeys = 500;

/**
 * Sends changes of tags, one command at a time: what is asked for while one is under way goes with the next one, which spares the
 * server and this process most of them under load.
 */
export class Changes {
  readonly #run: (keys: readonly string[], changes: readonly (string | number)[]) => Promise<unknown>;
  readonly #isCluster: boolean;
  #waiting: Waiting[] = [];
  /** How many of those are ends of locks. */
  #ends = 0;
  #isBusy = false;

  /**
   * @param guard puts a command under its time limit
   * @param kept how long a tag is kept at least, in milliseconds
   */
  constructor(
    send: Send,
    isCluster: boolean,
    guard: (work: () => Promise<unknown>) => Promise<unknown>,
    channel: string,
    kept: number,
  ) {
    this.#isCluster = isCluster;
    this.#run = (keys, changes) => guard(() => runScript(send, changeScript, keys, [channel, kept, ...changes]));
  }

  /** Resolves when it is done. */
  async make(change: TagChange): Promise<void> {
    if (this.#isCluster) {
      // Its servers take no command for keys of several of them.
      await Promise.all(change.keys.map((key) => this.#run([key], argumentsOf(change, 1))));
    } else if (change.keys.length <= enoughKeys) {
      await this.#enqueue(change);
    } else {
      await Promise.all(chunksOf(change.keys).map((keys) => this.#enqueue({ ...change, keys })));
    }
  }

  /** Sends what waits at once where locks are to end: what is sent afterwards finds that they have. */
  sendEnds(): void {
    while (this.#ends > 0) void this.#sendOut(this.#take());
  }

  #enqueue(change: TagChange): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ change, resolve, reject });
      if (change.type === 'end') this.#ends += 1;
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
    const keys = batch.flatMap(({ change }) => change.keys);
    const changes = batch.flatMap(({ change }) => argumentsOf(change, change.keys.length));
    try {
      await this.#run(keys, changes);
      for (const { resolve } of batch) resolve();
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  #take(): readonly Waiting[] {
    let [count, keys] = [0, 0];
    for (const { change } of this.#waiting) {
      keys += change.keys.length;
      if (count > 0 && keys > enoughKeys) break;
      count += 1;
      if (change.type === 'end') this.#ends -= 1;
    }
    return this.#waiting.splice(0, count);
  }
}

function argumentsOf({ type, transaction, stamp, ttl }: TagChange, keys: number): readonly (string | number)[] {
  return [type, keys, transaction, stamp, ttl];
}

function chunksOf(keys: readonly string[]): readonly (readonly string[])[] {
  const chunks: (readonly string[])[] = [];
  for (let from = 0; from < keys.length; from += enoughKeys) chunks.push(keys.slice(from, from + enoughKeys));
  return chunks;
}
