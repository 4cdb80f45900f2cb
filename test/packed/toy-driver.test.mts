// A driver that knows the packed package alone: rows of ids in this process, one transaction at a time, and no SQL.
import { describe, it } from 'node:test';
import type {
  ClientDefinition,
  ConnectionStatus,
  Driver,
  DriverConnection,
  Exchange,
  FailureKind,
  QueryResult,
  Statement,
  Step,
} from 'sluice/driver';
import { driverSuite, register } from 'sluice/testing/conformance';

let connections = 0;

/** What the database answers to a command that it refuses. */
class ToyError extends Error {
  readonly kind: FailureKind;

  constructor(kind: FailureKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

interface Store {
  ids: number[];
}

interface OpenTransaction {
  ids: number[];
  readonly readOnly: boolean;
  readonly savepoints: { readonly name: string; readonly ids: readonly number[] }[];
}

class ToyConnection implements DriverConnection {
  // Names the connection among all of its server.
  readonly backend = { id: (connections += 1), startedAt: undefined };
  readonly #store: Store;
  #open: OpenTransaction | undefined;
  #isClosed = false;

  constructor(store: Store) {
    this.#store = store;
  }

  // As of the last exchange.
  get status(): ConnectionStatus {
    if (this.#isClosed) return 'lost';
    return this.#open === undefined ? 'idle' : 'active';
  }

  // Carries out the steps in their order, and stops at the first that fails. A failure is returned, never thrown.
  async run(steps: readonly Step[]): Promise<Exchange> {
    const results: QueryResult[] = [];
    let ended: Exchange['ended'];
    for (const [completed, step] of steps.entries()) {
      try {
        if (step.type === 'statement') results.push(this.#execute(step.statement));
        else ended = this.#control(step) ?? ended;
      } catch (error) {
        const kind = error instanceof ToyError ? error.kind : 'statement';
        return { completed, results, failure: { kind, error }, ended };
      }
    }
    return { completed: steps.length, results, failure: undefined, ended };
  }

  // Returns how the transaction ended, if this step ended it.
  #control(step: Exclude<Step, { readonly type: 'statement' }>): Exchange['ended'] {
    if (step.type === 'begin') {
      this.#open = { ids: [...this.#store.ids], readOnly: step.characteristics.readOnly, savepoints: [] };
      return undefined;
    }
    const open = this.#open;
    if (open === undefined) throw new ToyError('statement', 'no transaction is open');
    switch (step.type) {
      case 'commit':
        if (!open.readOnly) this.#store.ids = open.ids;
        this.#open = undefined;
        return 'committed';
      case 'rollback':
        this.#open = undefined;
        return 'rolledBack';
      case 'savepoint':
        open.savepoints.push({ name: step.name, ids: [...open.ids] });
        return undefined;
      case 'release':
      case 'rollbackTo': {
        const at = open.savepoints.findLastIndex(({ name }) => name === step.name);
        const savepoint = open.savepoints[at];
        if (savepoint === undefined) throw new ToyError('statement', 'no such savepoint');
        // A release forgets the savepoint and keeps the rows; a rollback to it keeps it and undoes the rows.
        if (step.type === 'rollbackTo') open.ids = [...savepoint.ids];
        open.savepoints.length = step.type === 'rollbackTo' ? at + 1 : at;
        return undefined;
      }
    }
  }

  #execute({ text, values = [] }: Statement): QueryResult {
    const ids = this.#open?.ids ?? this.#store.ids;
    if (text === 'all') {
      const rows = ids.toSorted((one, other) => one - other).map((id) => ({ id }));
      return { rows, rowCount: rows.length, command: 'ALL', fields: [{ name: 'id', dataTypeID: 0 }] };
    }
    if (text !== 'put') throw new ToyError('statement', `unknown command: ${text}`);
    if (this.#open?.readOnly === true) throw new ToyError('statement', 'the transaction is read-only');
    const id = Number(values[0]);
    if (ids.includes(id)) throw new ToyError('uniqueViolation', 'the id is there');
    ids.push(id);
    return { rows: [], rowCount: 1, command: 'PUT', fields: [] };
  }

  // Resolves when the request can no longer hit a later exchange but one. Nothing runs for long here.
  async cancel(): Promise<void> {}

  // Called back once when the server ends the connection, and never after close or destroy. This server never does.
  onDeath(): void {}

  // Both undo the transaction that is open.
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#open = undefined;
  }

  destroy(): Promise<void> {
    return this.close();
  }
}

function toy(): ClientDefinition {
  const store: Store = { ids: [] };
  const driver: Driver = {
    dialect: 'toy',
    // The address in words for messages, without user and password.
    target: 'a toy in this process',
    async connect(signal) {
      signal.throwIfAborted();
      return new ToyConnection(store);
    },
    // Transient: another attempt may soon succeed, such as when the server has no room just now.
    classifyConnect: (error) => ({ error, transient: false }),
    // The level that is requested from the server: here it has one, which is as strong as any.
    isolation: () => 'SERIALIZABLE',
    fulfils: () => true,
    // In doubt 'write'. 'control' is what begins, ends or marks a transaction: programs may not send it.
    inspect(text) {
      if (text === 'all') return 'read';
      return text === 'end' ? 'control' : 'write';
    },
    quoteName: (name) => JSON.stringify(name),
  };
  return { driver, pool: { max: 10 } };
}

const suite = driverSuite({
  name: 'toy driver',
  make: toy,
  statements: {
    insert: (id) => ({ text: 'put', values: [id] }),
    readAll: { text: 'all' },
    failing: { text: 'fail' },
    control: 'end',
  },
});
register(suite, { describe, it });
