import type { Exchange, Failure, QueryResult, Step } from '../../driver/index.ts';
import { controlText, isOneOff } from './control.ts';
import type { TypeParsers, WireConnection, WireField, WireQuery } from './pg-types.ts';
import type { PlannedText, PreparedStatements } from './prepared.ts';
import { buildRow, noColumns, readTag, type RowShape, shapeOf } from './rows.ts';

/** A value as it goes on the wire. */
export type WireValue = string | Buffer | null;

interface PlannedStep {
  readonly step: Step;
  readonly planned: PlannedText;
  readonly values: readonly WireValue[];
}

const noValues: readonly WireValue[] = [];

/**
 * The steps of an exchange as one write: Parse, Bind and Execute of each, and a single Sync at the
 * end. After an error the server skips what is left, up to the Sync. Parse is left out for a
 * statement that is prepared, and Describe where the shape of the rows is known.
 */
export class ExchangeQuery implements WireQuery {
  readonly #steps: readonly PlannedStep[];
  readonly #prepared: PreparedStatements;
  readonly #types: TypeParsers;
  readonly #results: QueryResult[] = [];
  #completed = 0;
  #shape: RowShape = noColumns;
  #rows: Record<string, unknown>[] = [];
  #ended: Exchange['ended'];
  /** What the server, or the building of a row, reported first. */
  #error: { readonly error: unknown } | undefined;

  /** @throws what `toWire` throws for a value that cannot be sent */
  constructor(
    steps: readonly Step[],
    prepared: PreparedStatements,
    types: TypeParsers,
    toWire: (value: unknown) => WireValue,
  ) {
    this.#prepared = prepared;
    this.#types = types;
    // All values first: if one cannot be sent, no text has been planned as if it were.
    const values = steps.map((step) =>
      step.type === 'statement' ? (step.statement.values?.map(toWire) ?? noValues) : noValues,
    );
    this.#steps = steps.map((step, index) => {
      const text = step.type === 'statement' ? step.statement.text : controlText(step);
      return { step, planned: prepared.plan(text, isOneOff(step)), values: values[index] ?? noValues };
    });
  }

  get error(): { readonly error: unknown } | undefined {
    return this.#error;
  }

  submit(connection: WireConnection): null {
    connection.stream.cork();
    for (const name of this.#prepared.takeNamesToClose()) connection.close({ type: 'S', name });
    for (const { step, planned, values } of this.#steps) {
      const { name, text, parse, seen } = planned;
      if (parse) connection.parse({ name, text });
      connection.bind({ statement: name, values });
      if (step.type === 'statement' && (parse || seen?.shape === undefined))
        connection.describe({ type: 'P', name: '' });
      connection.execute();
    }
    connection.sync();
    connection.stream.uncork();
    this.#expectRows();
    return null;
  }

  handleRowDescription({ fields }: { readonly fields: readonly WireField[] }): void {
    this.#shape = shapeOf(fields, this.#types);
  }

  handleDataRow({ fields }: { readonly fields: readonly (string | null)[] }): void {
    try {
      this.#rows.push(buildRow(this.#shape, fields));
    } catch (error) {
      // A type parser of the user threw. The statement itself succeeds, its caller gets the error.
      this.#error ??= { error };
    }
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    this.#complete(text);
  }

  handleEmptyQuery(): void {
    this.#complete('');
  }

  handlePortalSuspended(): void {
    // Execute asks for all rows, so no portal is ever suspended.
  }

  handleCopyInResponse(connection: WireConnection): void {
    connection.sendCopyFail('COPY FROM STDIN is not supported by query()');
    // The server ignores a Sync that it gets while it expects rows to copy.
    connection.sync();
  }

  handleCopyData(): void {
    this.#error ??= { error: new Error('COPY TO STDOUT is not supported by query()') };
  }

  handleError(error: unknown): void {
    const failed = this.#steps[this.#completed];
    if (failed !== undefined) this.#prepared.forget(failed.planned);
    this.#error ??= { error };
  }

  handleReadyForQuery(): void {
    // The connection listens for it itself, since pg does not pass it on after an error.
  }

  outcome(failure: Failure | undefined): Exchange {
    return { completed: this.#completed, results: this.#results, failure, ended: this.#ended };
  }

  #complete(tag: string): void {
    const at = this.#steps[this.#completed];
    if (at === undefined) return;
    const { command, rowCount } = readTag(tag);
    this.#prepared.prepared(at.planned);
    if (at.step.type === 'statement') {
      if (at.planned.seen !== undefined) at.planned.seen.shape = this.#shape;
      this.#results.push({ rows: this.#rows, rowCount, command, fields: this.#shape.fields });
    } else if (command === 'COMMIT' && at.step.type === 'commit') this.#ended = 'committed';
    else if (command === 'ROLLBACK' && (at.step.type === 'commit' || at.step.type === 'rollback'))
      this.#ended = 'rolledBack';
    this.#completed += 1;
    this.#expectRows();
  }

  /** Rows that come next belong to the next step, in the shape known from its last run. */
  #expectRows(): void {
    this.#rows = [];
    this.#shape = this.#steps[this.#completed]?.planned.seen?.shape ?? noColumns;
  }
}
