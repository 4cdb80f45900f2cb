import type { RowShape } from './rows.ts';

/** How a text is to be sent. */
export interface PlannedText {
  readonly text: string;
  /** Its name on the server; empty for one that is sent once. */
  readonly name: string;
  /** Whether the server has to parse it. */
  readonly parse: boolean;
  readonly seen: SeenText | undefined;
}

/** A text that a connection has seen, and its prepared statement once it was seen again. */
export interface SeenText {
  /** How to send it once the server has it under its name. */
  prepared: PlannedText | undefined;
  /** How its rows are built, once that is known. */
  shape: RowShape | undefined;
  /** Used since the last look of the eviction. */
  used: boolean;
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

  /** Says how to send a text next. What it plans to parse counts as parsed until it is forgotten. */
  plan(text: string): PlannedText {
    const seen = this.#seen.get(text);
    if (seen === undefined) {
      this.#remember(text);
      return sentOnce(text);
    }
    seen.used = true;
    if (seen.prepared !== undefined) return seen.prepared;
    this.#names += 1;
    const name = `sluice_${this.#names}`;
    seen.prepared = { text, name, parse: false, seen };
    return { text, name, parse: true, seen };
  }

  /** Whether the server has it under its name is unknown, or it is stale there: it gets a new name next time. */
  forget({ seen, name }: PlannedText): void {
    if (seen === undefined || seen.prepared?.name !== name) return;
    this.#toClose.push(name);
    seen.prepared = seen.shape = undefined;
  }

  /** The server has dropped all prepared statements (`DISCARD ALL`, `DEALLOCATE`). */
  clear(): void {
    this.#seen.clear();
    this.#toClose = [];
  }

  takeNamesToClose(): readonly string[] {
    return this.#toClose.length === 0 ? none : this.#toClose.splice(0);
  }

  #remember(text: string): void {
    if (this.#limit === 0) return;
    while (this.#seen.size >= this.#limit) this.#evictOne();
    this.#seen.set(text, { prepared: undefined, shape: undefined, used: false });
  }

  #evictOne(): void {
    for (const [text, seen] of this.#seen) {
      this.#seen.delete(text);
      if (!seen.used) {
        if (seen.prepared !== undefined) this.#toClose.push(seen.prepared.name);
        return;
      }
      seen.used = false;
      this.#seen.set(text, seen);
    }
  }
}

/** A text that is parsed for this time only. */
export function sentOnce(text: string): PlannedText {
  return { text, name: '', parse: true, seen: undefined };
}

const none: readonly string[] = [];
