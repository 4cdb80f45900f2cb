import type { Send } from './client.ts';

/** A command of so many keys is sent at once. */
const enoughKeys = 64;

/** What one command has read. */
interface Batch {
  readonly keys: string[];
  readonly at: Map<string, number>;
  readonly replies: Promise<readonly unknown[]>;
  readonly send: () => void;
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

  /**
   * The texts that are to come of the keys, and where they are in there; nothing for one that is not there, or no text.
   * @param own how many of the keys, from the first one on, hardly anybody else asks for now; the others are read once for all
   */
  get(
    keys: readonly string[],
    own: number,
  ): { readonly replies: Promise<readonly unknown[]>; readonly at: readonly number[] } {
    const batch = this.#batch ?? this.#open();
    const at = keys.map((key, index) => (index < own ? batch.keys.push(key) - 1 : placeOf(batch, key)));
    // The server works on these while the next ones are put together.
    if (batch.keys.length >= enoughKeys) batch.send();
    return { replies: batch.replies, at };
  }

  /** It is sent when everything that goes on now has had its turn. */
  #open(): Batch {
    const keys: string[] = [];
    const { promise, resolve, reject } = Promise.withResolvers<readonly unknown[]>();
    const send = (): void => {
      if (this.#batch !== batch) return;
      this.#batch = undefined;
      this.#send(keys).then(resolve, reject);
    };
    const batch: Batch = { keys, at: new Map(), replies: promise, send };
    this.#batch = batch;
    queueMicrotask(() => process.nextTick(send));
    return batch;
  }
}

/** Where a key is read that others may ask for too. */
function placeOf({ keys, at }: Batch, key: string): number {
  const known = at.get(key);
  if (known !== undefined) return known;
  at.set(key, keys.length);
  return keys.push(key) - 1;
}
