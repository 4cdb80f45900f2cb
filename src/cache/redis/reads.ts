import type { Send } from './client.ts';

/** The most keys that one command reads. */
const mostKeys = 1_000;

/** What one command has read. */
interface Batch {
  readonly keys: string[];
  readonly at: Map<string, number>;
  readonly replies: Promise<readonly unknown[]>;
}

/** Reads what is asked for in one moment with one command, and what many ask for once. */
export class Reads {
  readonly #send: (keys: readonly string[]) => Promise<readonly unknown[]>;
  #batch: Batch | undefined;

  /** @param guard puts a command under its time limit */
  constructor(
    send: Send,
    isCluster: boolean,
    guard: (work: () => Promise<readonly unknown[]>) => Promise<readonly unknown[]>,
  ) {
    this.#send = (keys) =>
      guard(() =>
        isCluster
          ? Promise.all(keys.map((key) => send('GET', key)))
          : (send('MGET', ...keys) as Promise<readonly unknown[]>),
      );
  }

  /** The texts that are to come of the keys, and where they are in there; nothing for one that is not there, or no text. */
  get(keys: readonly string[]): { readonly replies: Promise<readonly unknown[]>; readonly at: readonly number[] } {
    const batch = this.#batch ?? this.#open();
    const at = keys.map((key) => {
      const known = batch.at.get(key);
      if (known !== undefined) return known;
      batch.at.set(key, batch.keys.length);
      return batch.keys.push(key) - 1;
    });
    if (batch.keys.length >= mostKeys) this.#batch = undefined;
    return { replies: batch.replies, at };
  }

  /** It is sent when everything that goes on now has had its turn. */
  #open(): Batch {
    const keys: string[] = [];
    const { promise, resolve, reject } = Promise.withResolvers<readonly unknown[]>();
    const batch: Batch = { keys, at: new Map(), replies: promise };
    this.#batch = batch;
    queueMicrotask(() => {
      process.nextTick(() => {
        if (this.#batch === batch) this.#batch = undefined;
        this.#send(keys).then(resolve, reject);
      });
    });
    return batch;
  }
}
