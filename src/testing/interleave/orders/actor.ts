import type { Passage, Sender } from './passage.ts';

/** How the body of an actor has ended. */
export type ActorEnd =
  | { readonly type: 'returned'; readonly value: unknown }
  | { readonly type: 'threw'; readonly error: unknown };

/** One of those that run at the same time: what it has at the gate, and what of it is under way. */
export class Actor implements Sender {
  readonly name: string;
  /** What waits to be let through, the first first. */
  readonly held: Passage[] = [];
  /** What was let through and is not answered. */
  readonly running: Set<Passage> = new Set();
  /** The last that was answered. */
  last: Passage | undefined;
  end: ActorEnd | undefined;
  /** How many exchanges it has had. */
  count = 0;
  /** Since when it does something else than to wait for the database, by `performance.now()`. */
  thinkingSince = 0;
  readonly #onChange: (left?: Passage) => void;

  constructor(name: string, onChange: (left?: Passage) => void) {
    this.name = name;
    this.#onChange = onChange;
  }

  /** Runs its body. */
  start(body: () => unknown): void {
    this.thinkingSince = performance.now();
    void Promise.resolve()
      .then(body)
      .then(
        (value) => this.#ended({ type: 'returned', value }),
        (error: unknown) => this.#ended({ type: 'threw', error }),
      );
  }

  /** Whether it runs code of its own, and has nothing at the gate or on its way. */
  get isThinking(): boolean {
    return this.end === undefined && this.held.length === 0 && this.running.size === 0;
  }

  /** Whether nothing is to be expected of it before another one moves on. */
  get isAtRest(): boolean {
    if (this.held.length > 0) return [...this.running].every(({ state }) => state === 'blocked');
    if (this.running.size === 0) return this.end !== undefined;
    return [...this.running].every(({ state }) => state === 'blocked');
  }

  arrives(passage: Passage): void {
    this.count += 1;
    this.held.push(passage);
    this.#onChange();
  }

  goes(passage: Passage): void {
    this.held.splice(this.held.indexOf(passage), 1);
    this.running.add(passage);
  }

  leaves(passage: Passage): void {
    const at = this.held.indexOf(passage);
    if (at >= 0) this.held.splice(at, 1);
    else if (this.running.delete(passage)) this.last = passage;
    this.thinkingSince = performance.now();
    this.#onChange(passage);
  }

  #ended(end: ActorEnd): void {
    this.end = end;
    this.#onChange();
  }
}
