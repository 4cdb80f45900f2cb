import type { RowShape } from './rows.ts';

/** How a text is to be sent. */
export interface PlannedText {
  readonly text: string;
  /** Its name on the server; empty for one that is sent once. */
  readonly name: string;
  /** Whether the server has to parse it. */
  readonly parse: boolean;
  readonly seen: SeenText | undefined;
  /** What is sent for it every time, for a prepared text without values and rows. */
  message?: Buffer;
}

/** A text that a connection has seen, and its prepared statement once it was seen again. */
export interface SeenText {
  /** How to send it once the server has it under its name. */
  prepared: PlannedText | undefined;
  /** How its rows are built, once that is known. */
  shape: RowShape | undefined;
}

/**
 * The prepared statements of one connection: a text gets a name when it comes for the second time,
 * so that texts which are never repeated do not push out those that are. Bounded: of too many those go
 * that have not come again for the longest time, half of them at once.
 */
export class PreparedStatements {
  readonly #limit: number;
  #recent = new Map<string, SeenText>();
  #older = new Map<string, SeenText>();
  #names = 0;
  /** Names on the server that are of no use any more; they are closed with the next exchange. */
  #toClose: string[] = [];

  /** @param limit how many texts are remembered; 0 turns prepared statements off */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Says how to send a text next. What it plans to parse counts as parsed until it is forgotten. */
  plan(text: string): PlannedText {
    const seen = this.#recent.get(text) ?? this.#older.get(text);
    if (seen === undefined) {
      this.#remember(text, { prepared: undefined, shape: undefined });
      return sentOnce(text);
    }
    if (this.#older.delete(text)) this.#remember(text, seen);
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
    this.#recent.clear();
    this.#older.clear();
    this.#toClose = [];
  }

  takeNamesToClose(): readonly string[] {
    return this.#toClose.length === 0 ? none : this.#toClose.splice(0);
  }

  #remember(text: string, seen: SeenText): void {
    if (this.#limit === 0) return;
    if (this.#recent.size >= Math.max(1, Math.floor(this.#limit / 2))) {
      const [dropped, kept] = this.#limit === 1 ? [this.#recent, this.#older] : [this.#older, this.#recent];
      for (const { prepared } of dropped.values()) if (prepared !== undefined) this.#toClose.push(prepared.name);
      [this.#recent, this.#older] = [new Map(), kept];
    }
    this.#recent.set(text, seen);
  }
}

/** A text that is parsed for this time only. */
export function sentOnce(text: string): PlannedText {
  return { text, name: '', parse: true, seen: undefined };
}

const none: readonly string[] = [];
