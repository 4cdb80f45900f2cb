import { EventEmitter } from 'node:events';
import type pg from 'pg';
import type { QueryResult, Statement } from '../../../driver/index.ts';
import { inspectText } from '../sql/inspect.ts';
import type { TypeParsers } from '../wire/pg-types.ts';
import { noRows, rawRows, type RawRows } from './results.ts';

/** What pg calls on a cursor. */
interface CursorLike extends pg.Submittable {
  readonly text?: unknown;
  readonly _result?: { _types?: TypeParsers | undefined };
  handleRowDescription(message: { readonly fields: RawRows['fields'] }): void;
  handleDataRow(message: { readonly fields: RawRows['rows'][number] }): void;
  handlePortalSuspended(): void;
  handleCommandComplete(message: { readonly text: string }): void;
  handleReadyForQuery(): void;
  handleError(error: unknown): void;
}

export type RunStatements = (statements: readonly Statement[]) => Promise<readonly QueryResult[]>;

let cursors = 0;

/**
 * The connection that a cursor is given inside of a transaction. A portal of the protocol would keep the
 * real one to itself until it is read to its end, and a statement in the loop over its rows would wait for
 * ever; so it becomes DECLARE, FETCH and CLOSE, between which others may run. What cannot be declared (it
 * writes) is run at once and kept.
 */
export class Portal extends EventEmitter {
  readonly #cursor: CursorLike;
  readonly #run: RunStatements;
  readonly #name: string;
  #text = '';
  #values: readonly unknown[] | undefined;
  /** The rows of what could not be declared. */
  #kept: RawRows | undefined;
  #fetched = 0;
  #state: 'unopened' | 'declared' | 'over' = 'unopened';
  #tail: Promise<void> = Promise.resolve();

  constructor(cursor: pg.Submittable, run: RunStatements) {
    super();
    this.#cursor = cursor as CursorLike;
    this.#run = run;
    cursors += 1;
    this.#name = `sluice_cursor_${cursors}`;
  }

  parse({ text }: { readonly text: string }): void {
    this.#text = text;
  }

  bind({ values }: { readonly values?: readonly unknown[] | null }): void {
    this.#values = values ?? undefined;
  }

  describe(): void {
    this.#then(() => this.#open());
  }

  flush(): void {
    // Everything is sent at once.
  }

  execute({ rows }: { readonly rows?: number }): void {
    this.#then(() => this.#fetch(rows ?? 0));
  }

  close(): void {
    this.#then(async () => {
      if (this.#state !== 'declared') return;
      this.#state = 'over';
      // A cursor ends with its transaction too, and then there is nothing to close.
      await this.#run([{ text: `close ${this.#name}` }]).catch(() => {});
    });
  }

  sync(): void {
    this.#then(() => {
      this.#cursor.handleReadyForQuery();
      this.emit('readyForQuery');
      return Promise.resolve();
    });
  }

  async #open(): Promise<void> {
    const raw = noRows();
    const native = rawRows(raw);
    if (inspectText(this.#text) === 'read' && /^[\s(]*(?:select|values|with|table)\b/i.test(this.#text)) {
      const declare = `declare ${this.#name} no scroll cursor for ${this.#text}`;
      await this.#run([
        { text: declare, values: this.#values },
        { text: `fetch 0 from ${this.#name}`, native },
      ]);
      this.#state = 'declared';
    } else {
      await this.#run([{ text: this.#text, values: this.#values, native }]);
      this.#kept = raw;
    }
    const { _result: result } = this.#cursor;
    if (result !== undefined) result._types ??= raw.parsers;
    if (raw.fields.length === 0) {
      this.emit('noData');
    } else {
      this.#cursor.handleRowDescription({ fields: raw.fields });
      this.emit('rowDescription');
    }
  }

  async #fetch(count: number): Promise<void> {
    if (this.#state === 'over') return;
    const rows = this.#kept === undefined ? await this.#fetchDeclared(count) : this.#takeKept(this.#kept, count);
    for (const fields of rows) this.#cursor.handleDataRow({ fields });
    this.#fetched += rows.length;
    if (count > 0 && rows.length === count) this.#cursor.handlePortalSuspended();
    else this.#cursor.handleCommandComplete({ text: this.#kept?.tag ?? `SELECT ${this.#fetched}` });
  }

  async #fetchDeclared(count: number): Promise<RawRows['rows']> {
    const raw = noRows();
    const text = `fetch ${count === 0 ? 'all' : count} from ${this.#name}`;
    await this.#run([{ text, native: rawRows(raw) }]);
    return raw.rows;
  }

  #takeKept({ rows }: RawRows, count: number): RawRows['rows'] {
    return rows.splice(0, count === 0 ? rows.length : count);
  }

  /** One thing after the other; after an error nothing but the cursor's own end. */
  #then(work: () => Promise<void>): void {
    this.#tail = this.#tail.then(work).catch((error: unknown) => {
      this.#state = 'over';
      this.#cursor.handleError(error);
    });
  }
}
