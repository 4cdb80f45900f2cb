import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClientDefinition, Driver, DriverConnection } from '../../../src/ports/driver/index.ts';
import { driverSuite, type DriverSuiteOptions, register } from '../../../src/testing/conformance/index.ts';
import type { Engine } from '../../support/engines/engine.ts';
import { mariadbEngine } from '../../support/engines/mariadb.ts';
import { postgresEngine } from '../../support/engines/postgres.ts';
import { sqliteEngine } from '../../support/engines/sqlite.ts';
import { describeWith } from '../../support/servers.ts';
import { expectFound, failuresOf } from './negative-controls.ts';

function optionsOf(engine: Engine): DriverSuiteOptions {
  const server = engine.server();
  beforeAll(() => server.start());
  afterAll(() => server.drop());
  const has = (ability: 'slow statements' | 'sessions'): boolean => engine.lacks[ability] === undefined;
  return {
    name: engine.name,
    timeout: 20_000,
    async make() {
      await server.empty();
      return server.client();
    },
    statements: {
      insert: (id) => ({ text: 'insert into product (id) values ($1)', values: [id] }),
      readAll: { text: 'select id from product order by id' },
      failing: { text: 'select * from no_such_table' },
      control: 'commit',
      ...(has('slow statements') ? { slow: { text: engine.sql.sleep(60) } } : {}),
    },
    ...(has('sessions') ? { cut: () => server.kill() } : {}),
  };
}

describe('PostgreSQL', () => register(driverSuite(optionsOf(postgresEngine)), { describe, it }));
await describeWith('MariaDB', 'MariaDB', () => register(driverSuite(optionsOf(mariadbEngine)), { describe, it }));
describe('SQLite', () => register(driverSuite(optionsOf(sqliteEngine)), { describe, it }));

/** A connection that does the same as another one, but for some members. */
type Breaking = (connection: DriverConnection) => Partial<DriverConnection>;

function inherited<Whole extends object>(whole: Whole, members: Partial<Whole>): Whole {
  return new Proxy(whole, {
    get(target, name) {
      const value: unknown = Reflect.get(name in members ? members : target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

describe('a broken driver', () => {
  const options = optionsOf(sqliteEngine);
  const suiteWith = (members: (driver: Driver) => Partial<Driver>): ReturnType<typeof driverSuite> =>
    driverSuite({
      ...options,
      timeout: 2_000,
      async make(): Promise<ClientDefinition> {
        const client = await options.make();
        return { ...client, driver: inherited(client.driver, members(client.driver)) };
      },
    });
  const suiteOn = (breaking: Breaking): ReturnType<typeof driverSuite> =>
    suiteWith((driver) => ({
      async connect(signal) {
        const connection = await driver.connect(signal);
        return inherited(connection, breaking(connection));
      },
    }));

  it('is not found where nothing is broken', async () => {
    expect([...(await failuresOf(suiteOn(() => ({}))))]).toEqual([]);
  });

  it.each<[name: string, message: RegExp, Breaking]>([
    [
      'carries out a whole transaction in one exchange, and says that it was committed',
      /"ended": expected 'committed', found undefined/,
      (connection) => ({ run: async (steps) => ({ ...(await connection.run(steps)), ended: undefined }) }),
    ],
    [
      'undoes all of a transaction that is rolled back, and says so',
      /"ended": expected 'rolledBack', found 'committed'/,
      (connection) => ({
        run: (steps) => connection.run(steps.map((step) => (step.type === 'rollback' ? { type: 'commit' } : step))),
      }),
    ],
    [
      'stops at the first step that fails, and returns the failure instead of throwing it',
      /It threw Error: /,
      (connection) => ({
        async run(steps) {
          const exchange = await connection.run(steps);
          if (exchange.failure !== undefined) throw exchange.failure.error;
          return exchange;
        },
      }),
    ],
    [
      'does not commit behind a step that failed',
      /"ended" is not "committed"|"completed": expected 2/,
      (connection) => ({
        async run(steps) {
          const exchange = await connection.run(steps);
          if (exchange.failure === undefined || steps.at(-1)?.type !== 'commit') return exchange;
          return { ...(await connection.run([{ type: 'commit' }])), failure: exchange.failure, completed: 2 };
        },
      }),
    ],
    [
      'undoes what came after a savepoint, and nothing else',
      /the rows afterwards: expected \[ 1, 2, 4 \], found \[ 1, 2, 3, 4 \]/,
      (connection) => ({
        run: (steps) =>
          connection.run(
            steps.flatMap((step) => (step.type === 'rollbackTo' ? { type: 'savepoint', name: step.name } : step)),
          ),
      }),
    ],
    [
      'gives the results of statements alone, in their order',
      /the rows of each/,
      (connection) => ({
        async run(steps) {
          const exchange = await connection.run(steps);
          return { ...exchange, results: exchange.results.toReversed() };
        },
      }),
    ],
    [
      'tells a unique violation from other failures',
      /the kind of the failure: expected 'uniqueViolation', found 'statement'/,
      (connection) => ({
        async run(steps) {
          const exchange = await connection.run(steps);
          const { failure } = exchange;
          return failure === undefined ? exchange : { ...exchange, failure: { ...failure, kind: 'statement' } };
        },
      }),
    ],
    [
      'refuses writes in a read-only transaction',
      /"completed" of a write: expected 1, found 2/,
      (connection) => ({
        run: (steps) =>
          connection.run(
            steps.map((step) =>
              step.type === 'begin' ? { ...step, characteristics: { isolation: undefined, readOnly: false } } : step,
            ),
          ),
      }),
    ],
    [
      'keeps a transaction open from one exchange to the next, and tells its status',
      /the status in the transaction: expected 'active', found 'idle'/,
      () => ({ status: 'idle' }),
    ],
    [
      'closes a connection without telling of its death, and undoes what was open',
      /how often a death was told after close: expected 0, found 1/,
      (connection) => {
        let died: (error: unknown) => void = () => {};
        return {
          onDeath: (callback) => void (died = callback),
          async close() {
            await connection.close();
            died(new Error('closed'));
          },
        };
      },
    ],
    [
      'commits a statement that is sent outside of a transaction by itself',
      /It did not end within 2000 ms/,
      () => ({ run: () => new Promise(() => {}) }),
    ],
  ])('is found by: %s', async (name, message, breaking) => {
    await expectFound(suiteOn(breaking), name, message);
  });

  it.each<[name: string, message: RegExp, members: (driver: Driver) => Partial<Driver>]>([
    [
      'gives for each isolation level one that is as strong, or refuses it',
      /READ_UNCOMMITTED, which it asks for, fulfils READ_COMMITTED/,
      () => ({
        isolation: () => 'READ_UNCOMMITTED',
        fulfils: (running, wanted) => wanted === 'DEFAULT' || running === wanted,
      }),
    ],
    [
      'knows whether a text reads, writes or controls a transaction',
      /the kind of a text of control: expected 'control', found 'write'/,
      (driver) => ({ inspect: (text) => (text === 'commit' ? 'write' : driver.inspect(text)) }),
    ],
    [
      'quotes names so that different names stay different',
      /expected 7, found/,
      () => ({ quoteName: (name) => name.toLowerCase() }),
    ],
    [
      'opens no connection for a signal that has aborted',
      /is rejected/,
      (driver) => ({ connect: () => driver.connect(new AbortController().signal) }),
    ],
    [
      'names each open connection by a backend of its own',
      /the ids differ/,
      (driver) => ({
        connect: async (signal) =>
          inherited(await driver.connect(signal), { backend: { id: 1, startedAt: undefined } }),
      }),
    ],
  ])('is found by: %s', async (name, message, members) => {
    await expectFound(suiteWith(members), name, message);
  });
});
