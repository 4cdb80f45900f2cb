import type { TagState } from '../index.ts';
import type { Send } from './client.ts';

/** A command of so many keys is sent at once. */
const enoughKeys = 64;

/** What goes with one command. */
interface Batch {
  readonly keys: string[];
  readonly at: Map<string, number>;
  readonly replies: Promise<readonly unknown[]>;
  readonly send: () => void;
  /** How many have asked in its moment. */
  reads: number;
}

/** Reads what is asked for in one moment with one command, and what many ask for once. */
export class Reads {
  readonly #send: (keys: readonly string[]) => Promise<readonly unknown[]>;
  #batch: Batch | undefined;
  /** There was one read in the last moment, so that the next one is not kept waiting for others. */
  #isAlone = false;
  /** In this moment. */
  #hasSent = false;

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
   * The texts of the keys, in their order; nothing for one that is not there, or no text.
   * @param own how many of the keys, from the first one on, hardly anybody else asks for now; the others are read once for all
   */
  get(keys: readonly string[], own: number): Promise<readonly unknown[]> {
    if (this.#isAlone && !this.#hasSent && this.#batch === undefined) {
      this.#hasSent = true;
      queueMicrotask(() => (this.#hasSent = false));
      return this.#send(keys);
    }
    const batch = this.#batch ?? this.#open();
    batch.reads += 1;
    const at = keys.map((key, index) => (index < own ? batch.keys.push(key) - 1 : placeOf(batch, key)));
    // The server works on these while the next ones are put together.
    if (batch.keys.length >= enoughKeys) batch.send();
    return batch.replies.then((texts) => at.map((place) => texts[place]));
  }

  /** It is sent when everything that goes on now has had its turn. */
  #open(): Batch {
    const keys: string[] = [];
    const { promise, resolve, reject } = Promise.withResolvers<readonly unknown[]>();
    const send = (): void => {
      if (this.#batch !== batch) return;
      this.#batch = undefined;
      this.#isAlone = batch.reads === 1;
      this.#send(keys).then(resolve, reject);
    };
    const batch: Batch = { keys, at: new Map(), replies: promise, send, reads: this.#hasSent ? 1 : 0 };
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

/** Of a tag that has none: no tag ever gets it. */
const noStamp = 'none';

/** The state of a tag whose text stays as it is: a lock that may be over counts as one. */
export function stateIn(text: unknown): TagState {
  const [stamp = noStamp, ...locks] = typeof text === 'string' ? text.split(' ') : [];
  return { stamp, isLocked: locks.length > 0 };
}
