// A driver that knows the packed package alone: rows of ids in this process, one transaction at a time, and no SQL.
import { describe, it } from 'node:test';
import { driverSuite, register } from 'sluice/testing/conformance';

let connections = 0;

class ToyError extends Error {
  constructor(kind, message) {
    super(message);
    this.kind = kind;
  }
}

class ToyConnection {
  backend = { id: (connections += 1), startedAt: undefined };
  #store;
  /** The rows of the open transaction, and of its savepoints. */
  #open;
  #isClosed = false;

  constructor(store) {
    this.#store = store;
  }

  get status() {
    if (this.#isClosed) return 'lost';
    return this.#open === undefined ? 'idle' : 'active';
  }

  async run(steps) {
    const exchange = { completed: 0, results: [], failure: undefined, ended: undefined };
    for (const step of steps) {
      try {
        this.#carryOut(step, exchange);
        exchange.completed += 1;
      } catch (error) {
        return { ...exchange, failure: { kind: error.kind ?? 'statement', error } };
      }
    }
    return exchange;
  }

  #carryOut(step, exchange) {
    const open = this.#open;
    switch (step.type) {
      case 'begin':
        this.#open = { ids: [...this.#store.ids], savepoints: [], readOnly: step.characteristics.readOnly };
        return;
      case 'commit':
        if (!open.readOnly) this.#store.ids = open.ids;
        this.#open = undefined;
        exchange.ended = 'committed';
        return;
      case 'rollback':
        this.#open = undefined;
        exchange.ended = 'rolledBack';
        return;
      case 'savepoint':
        open.savepoints.push({ name: step.name, ids: [...open.ids] });
        return;
      case 'release':
        open.savepoints.length = this.#indexOf(step.name);
        return;
      case 'rollbackTo': {
        const at = this.#indexOf(step.name);
        open.ids = [...open.savepoints[at].ids];
        open.savepoints.length = at + 1;
        return;
      }
      default:
        exchange.results.push(this.#execute(step.statement));
    }
  }

  #indexOf(name) {
    return this.#open.savepoints.findLastIndex((savepoint) => savepoint.name === name);
  }

  #execute({ text, values = [] }) {
    const ids = this.#open?.ids ?? this.#store.ids;
    if (text === 'all') {
      const rows = ids.toSorted((one, other) => one - other).map((id) => ({ id }));
      return { rows, rowCount: rows.length, command: 'ALL', fields: [{ name: 'id', dataTypeID: 0 }] };
    }
    if (text !== 'put') throw new ToyError('statement', `unknown command: ${text}`);
    if (this.#open?.readOnly) throw new ToyError('statement', 'the transaction is read-only');
    if (ids.includes(values[0])) throw new ToyError('uniqueViolation', 'the id is there');
    ids.push(values[0]);
    return { rows: [], rowCount: 1, command: 'PUT', fields: [] };
  }

  async cancel() {}
  onDeath() {}
  async close() {
    this.#isClosed = true;
    this.#open = undefined;
  }
  destroy() {
    return this.close();
  }
}

function toy() {
  const store = { ids: [] };
  const driver = {
    dialect: 'toy',
    target: 'a toy in this process',
    async connect(signal) {
      signal.throwIfAborted();
      return new ToyConnection(store);
    },
    classifyConnect: (error) => ({ error, transient: false }),
    isolation: () => 'SERIALIZABLE',
    fulfils: () => true,
    inspect(text) {
      if (text === 'all') return 'read';
      return text === 'end' ? 'control' : 'write';
    },
    quoteName: (name) => JSON.stringify(name),
  };
  return { driver, pool: {} };
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
