import { aFunction, type Check, readOptions, SluiceError } from '../core/index.ts';
import {
  type ClientDefinition,
  type ConcreteIsolation,
  type ConnectionStatus,
  type Driver,
  type DriverConnection,
  type Exchange,
  firstWord,
  type Failure,
  IsolationLevel,
  nameQuoter,
  type QueryResult,
  standardFulfilment,
  type Statement,
  type StatementKind,
  type Step,
} from '../driver/index.ts';

/** Options of `noDatabase`. */
export interface NoDatabaseOptions {
  /** Gives the rows that a statement returns. What it throws is the failure of the statement. Default: each is refused. */
  readonly answer?: ((statement: Statement) => Rows | PromiseLike<Rows>) | undefined;
}

type Rows = readonly Record<string, unknown>[];

/** A statement was sent to a client that has no database, and no `answer` for it. */
export class StatementWithoutDatabaseError extends SluiceError {
  static override readonly code = 'STATEMENT_WITHOUT_DATABASE';
  override readonly code = 'STATEMENT_WITHOUT_DATABASE';
}

const checks: Record<keyof NoDatabaseOptions, Check> = { answer: aFunction };

/**
 * A client without a database, for unit tests: transactions, propagation, hooks and outcomes are as with one. A statement is
 * refused, or answered by a function; nothing is stored.
 *
 * ```ts
 * const offline = createDatabase({
 *   clients: { default: noDatabase({ answer: ({ text }) => (text.startsWith('select') ? [{ stock: 3 }] : []) }) },
 * });
 * await offline.transaction(() => offline.query('select stock from product'));
 * ```
 * @throws InvalidOptionError
 */
export function noDatabase(options: NoDatabaseOptions = {}): ClientDefinition {
  const { answer = refuse } = readOptions('noDatabase', options, checks);
  let connections = 0;
  const driver: Driver = {
    dialect: 'none',
    target: 'no database',
    connect: (signal) => {
      signal.throwIfAborted();
      connections += 1;
      return Promise.resolve(new ConnectionToNothing(connections, answer));
    },
    classifyConnect: (error) => ({ error, transient: false }),
    isolation: (wanted) => (wanted === IsolationLevel.DEFAULT ? undefined : wanted),
    fulfils: (running, wanted) => fulfils(running, wanted),
    inspect: kindOf,
    quoteName: nameQuoter('"'),
  };
  return { driver, pool: {} };
}

function refuse({ text }: Statement): never {
  throw new StatementWithoutDatabaseError({
    what: `A statement (${firstWord(text).slice(0, 40)}) was sent to a client that has no database`,
    remedy: 'Give noDatabase({ answer: (statement) => rows }), or use a database in this test',
  });
}

/** `DEFAULT` is READ COMMITTED, as on PostgreSQL. */
function fulfils(running: ConcreteIsolation = 'READ_COMMITTED', wanted: IsolationLevel): boolean {
  return wanted === IsolationLevel.DEFAULT || standardFulfilment[running].includes(wanted);
}

const control = /^(?:begin|start|commit|end|rollback|abort|savepoint|release)$/i;

function kindOf(text: string): StatementKind {
  const first = firstWord(text);
  if (control.test(first) || /^\s*set\s+transaction\b/i.test(text)) return 'control';
  return /^(?:select|show|values)$/i.test(first) ? 'read' : 'write';
}

/** Knows what a server knows of a transaction, and nothing of rows. */
class ConnectionToNothing implements DriverConnection {
  readonly backend: DriverConnection['backend'];
  readonly #answer: NonNullable<NoDatabaseOptions['answer']>;
  #status: ConnectionStatus = 'idle';

  constructor(id: number, answer: NonNullable<NoDatabaseOptions['answer']>) {
    this.backend = { id, startedAt: undefined };
    this.#answer = answer;
  }

  get status(): ConnectionStatus {
    return this.#status;
  }

  async run(steps: readonly Step[]): Promise<Exchange> {
    const results: QueryResult[] = [];
    let ended: Exchange['ended'];
    for (const [completed, step] of steps.entries()) {
      if (step.type !== 'statement') {
        ended = this.#control(step) ?? ended;
        continue;
      }
      try {
        results.push(await this.#execute(step.statement));
      } catch (error) {
        // As on PostgreSQL nothing but a rollback is accepted after it.
        if (this.#status === 'active') this.#status = 'failed';
        const failure: Failure = { kind: 'statement', error };
        return { completed, results, failure, ended };
      }
    }
    return { completed: steps.length, results, failure: undefined, ended };
  }

  #control({ type }: Exclude<Step, { readonly type: 'statement' }>): Exchange['ended'] {
    const wasSound = this.#status === 'active';
    if (type === 'begin' || type === 'rollbackTo') this.#status = 'active';
    if (type !== 'commit' && type !== 'rollback') return undefined;
    this.#status = 'idle';
    return type === 'commit' && wasSound ? 'committed' : 'rolledBack';
  }

  async #execute(statement: Statement): Promise<QueryResult> {
    if (this.#status === 'failed') throw new Error('the transaction has failed: only a rollback is accepted');
    const rows = [...(await this.#answer(statement))];
    const fields = Object.keys(rows[0] ?? {}).map((name) => ({ name, dataTypeID: 0 }));
    return { rows, rowCount: rows.length, command: firstWord(statement.text), fields };
  }

  cancel(): Promise<void> {
    return Promise.resolve();
  }

  onDeath(): void {}

  close(): Promise<void> {
    this.#status = 'lost';
    return Promise.resolve();
  }

  destroy(): Promise<void> {
    return this.close();
  }
}
