import { isInstance } from '../../core/index.ts';
import { type ConcreteIsolation, type Driver, IsolationLevel, UnsupportedIsolationError } from '../../driver/index.ts';
import { begin, commit, type DriverBench, expectSuccess, rollback } from './driver-bench.ts';
import { expectEqual, expectThat } from './expect.ts';
import type { CheckOf } from './suite.ts';

/** What a driver says of texts, failures and isolation levels. */
export const driverContractChecks: readonly CheckOf<DriverBench>[] = [
  {
    name: 'tells a unique violation from other failures',
    async run(bench) {
      const connection = await bench.connect();
      await connection.run([bench.insert(1)]);
      const { failure, completed } = await connection.run([bench.insert(1)]);
      expectEqual('the kind of the failure', failure?.kind, 'uniqueViolation');
      expectEqual('"completed"', completed, 0);
    },
  },
  {
    name: 'refuses writes in a read-only transaction',
    async run(bench) {
      const connection = await bench.connect();
      const readOnly = { type: 'begin', characteristics: { isolation: undefined, readOnly: true } } as const;
      expectSuccess('a read', await connection.run([readOnly, bench.readAll, commit]), 3);
      const { failure, completed } = await connection.run([readOnly, bench.insert(1)]);
      expectEqual('"completed" of a write', completed, 1);
      expectThat('the write fails', failure !== undefined);
      if (connection.status !== 'idle') await connection.run([rollback]);
      expectSuccess('a write in the next transaction', await connection.run([begin, bench.insert(2), commit]), 3);
      expectEqual('the rows afterwards', await bench.ids(), [2]);
    },
  },
  {
    name: 'knows whether a text reads, writes or controls a transaction',
    run({ driver, statements }) {
      expectEqual('the kind of a read', driver.inspect(statements.readAll.text), 'read');
      expectEqual('the kind of a write', driver.inspect(statements.insert(1).text), 'write');
      expectEqual('the kind of a text of control', driver.inspect(statements.control), 'control');
      return Promise.resolve();
    },
  },
  {
    name: 'gives for each isolation level one that is as strong, or refuses it',
    async run(bench) {
      const { driver } = bench;
      expectThat('its default fulfils DEFAULT', driver.fulfils(undefined, 'DEFAULT'));
      for (const wanted of Object.values(IsolationLevel)) {
        const given = givenFor(driver, wanted);
        if (given === 'refused') continue;
        const named = given ?? 'the default of the server';
        expectThat(`${named}, which it asks for, fulfils ${wanted}`, driver.fulfils(given, wanted));
        const connection = await bench.connect();
        const step = { type: 'begin', characteristics: { isolation: given, readOnly: false } } as const;
        expectSuccess(`a transaction at ${wanted}`, await connection.run([step, bench.readAll, commit]), 3);
        await connection.close();
      }
    },
  },
  {
    name: 'never lets a weaker isolation level stand for SERIALIZABLE',
    run({ driver }) {
      if (driver.isolation('READ_UNCOMMITTED') === 'SERIALIZABLE') return Promise.resolve();
      expectThat('READ_UNCOMMITTED does not fulfil SERIALIZABLE', !driver.fulfils('READ_UNCOMMITTED', 'SERIALIZABLE'));
      return Promise.resolve();
    },
  },
  {
    name: 'quotes names so that different names stay different',
    run({ driver }) {
      const names = ['product', 'Product', 'my product', 'my"product', 'my""product', 'my`product', "my'product"];
      const quoted = names.map((name) => driver.quoteName(name));
      expectEqual('the number of different quoted names', new Set(quoted).size, names.length);
      return Promise.resolve();
    },
  },
  {
    name: 'says what any rejection of "connect" means, without throwing',
    run({ driver }) {
      for (const error of [new Error('refused'), 'text', undefined, null, Object.freeze({})]) {
        const { transient, ...rest } = driver.classifyConnect(error);
        expectEqual('the type of "transient"', typeof transient, 'boolean');
        expectThat('it has an "error"', 'error' in rest);
      }
      return Promise.resolve();
    },
  },
  {
    name: 'names its dialect, and its target without a password',
    run({ driver }) {
      expectThat('"dialect" is a word', /^[\w-]+$/.test(driver.dialect));
      expectThat('"target" is text', typeof driver.target === 'string' && driver.target !== '');
      return Promise.resolve();
    },
  },
];

function givenFor(driver: Driver, wanted: IsolationLevel): ConcreteIsolation | 'refused' | undefined {
  try {
    return driver.isolation(wanted);
  } catch (error) {
    if (isInstance(error, UnsupportedIsolationError)) return 'refused';
    throw error;
  }
}
