import type { RowShape } from './rows.ts';

/** A text that a connection has seen, and its prepared statement once it was seen again. */
export interface SeenText {
  readonly text: string;
  /** The statement's name on the server; empty while it is not prepared. */
  name: string;
  shape: RowShape | undefined;
  /** Used since the last look of the eviction. */
  used: boolean;
}

/** How a text is to be sent now. */
export interface PlannedText {
  readonly seen: SeenText | undefined;
  readonly text: string;
  readonly name: string;
  readonly parse: boolean;
}

/**
 * The prepared statements of one connection: a text gets a name when it comes for the second time,
 * so that texts which are never repeated do not push out those that are. Bounded, with second-chance
 * eviction, which costs nothing when a statement is used.
 */
export class PreparedStatements {
  readonly #limit: number;
  readonly #seen = new Map<string, SeenText>();
  #names = 0;
  /** Names on the server that are of no use any more; they are closed with the next exchange. */
  #toClose: string[] = [];

  /** @param limit how many texts are remembered; 0 turns prepared statements off */
  constructor(limit: number) {
    this.#limit = limit;
  }

  plan(text: string, once: boolean): PlannedText {
    if (once || this.#limit === 0) return { seen: undefined, text, name: '', parse: true };
    const seen = this.#seen.get(text);
    if (seen === undefined) {
      this.#remember(text);
      return { seen: undefined, text, name: '', parse: true };
    }
    seen.used = true;
    if (seen.name !== '') return { seen, text, name: seen.name, parse: false };
    this.#names += 1;
    return { seen, text, name: `sluice_${this.#names}`, parse: true };
  }

  /** A statement was parsed under its name and has run. */
  prepared({ seen, name }: PlannedText): void {
    if (seen !== undefined) seen.name = name;
  }

  /** A statement failed: whether the server has its name is unknown, or it is stale, so it gets a new one next time. */
  forget({ seen, name }: PlannedText): void {
    if (name === '') return;
    this.#toClose.push(name);
    if (seen === undefined) return;
    seen.name = '';
    seen.shape = undefined;
  }

  /** The server has dropped all prepared statements (`DISCARD ALL`, `DEALLOCATE`). */
  clear(): void {
    this.#seen.clear();
    this.#toClose = [];
  }

  takeNamesToClose(): readonly string[] {
    if (this.#toClose.length === 0) return none;
    return this.#toClose.splice(0);
  }

  #remember(text: string): void {
    while (this.#seen.size >= this.#limit) this.#evictOne();
    this.#seen.set(text, { text, name: '', shape: undefined, used: false });
  }

  #evictOne(): void {
    for (const [text, seen] of this.#seen) {
      this.#seen.delete(text);
      if (!seen.used) {
        if (seen.name !== '') this.#toClose.push(seen.name);
        return;
      }
      seen.used = false;
      this.#seen.set(text, seen);
    }
  }
}

const none: readonly string[] = [];
