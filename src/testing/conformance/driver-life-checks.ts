import { createDatabase } from '../../index.ts';
import { begin, type DriverBench, expectSuccess, rollback, statementStep } from './driver-bench.ts';
import { expectEqual, expectRejection, expectThat, pause, until } from './expect.ts';
import type { CheckOf } from './suite.ts';

/** Connections: how they are told apart, cancelled and ended; and the whole of Sluice on the driver. */
export const driverLifeChecks: readonly CheckOf<DriverBench>[] = [
  {
    name: 'names each open connection by a backend of its own',
    async run(bench) {
      const [one, other] = [await bench.connect(), await bench.connect()];
      expectThat('the ids are numbers', Number.isFinite(one.backend.id) && Number.isFinite(other.backend.id));
      expectThat('the ids differ', one.backend.id !== other.backend.id);
    },
  },
  {
    name: 'opens no connection for a signal that has aborted',
    async run({ driver }) {
      await expectRejection('connect', driver.connect(AbortSignal.abort(new Error('given up'))));
    },
  },
  {
    name: 'survives a cancellation that finds nothing to cancel',
    async run(bench) {
      const connection = await bench.connect();
      await connection.cancel();
      // The first exchange after it may still be hit.
      await connection.run([bench.readAll]);
      expectSuccess('the exchange after that', await connection.run([bench.readAll]), 1);
    },
  },
  {
    name: 'cancels what is running, and says that it was cancelled',
    needs: 'statements.slow',
    async run(bench) {
      const { slow } = bench.statements;
      if (slow === undefined) return;
      const connection = await bench.connect();
      const running = connection.run([begin, statementStep(slow)]);
      await pause(200);
      await connection.cancel();
      const { failure } = await running;
      expectEqual('the kind of the failure', failure?.kind, 'cancelled');
      await connection.run([rollback]);
      expectSuccess('a later exchange', await connection.run([bench.readAll]), 1);
    },
  },
  {
    name: 'reports the death of a connection once, and is lost then',
    needs: 'cut',
    async run(bench) {
      const connection = await bench.connect();
      expectSuccess('the exchange before', await connection.run([begin, bench.insert(1)]), 2);
      let deaths = 0;
      connection.onDeath(() => void (deaths += 1));
      await bench.cut(connection);
      await until(() => deaths > 0 && connection.status === 'lost');
      const { failure, completed } = await connection.run([bench.readAll]);
      expectEqual('the kind of the failure of an exchange', failure?.kind, 'connectionLost');
      expectEqual('"completed" of an exchange', completed, 0);
      expectEqual('how often it was told', deaths, 1);
      await connection.destroy();
      expectEqual('the rows afterwards', await bench.ids(), []);
    },
  },
  {
    name: 'closes a connection without telling of its death, and undoes what was open',
    async run(bench) {
      for (const end of ['close', 'destroy'] as const) {
        const connection = await bench.connect();
        let deaths = 0;
        connection.onDeath(() => void (deaths += 1));
        await connection.run([begin, bench.insert(1)]);
        await connection[end]();
        await pause(20);
        expectEqual(`how often a death was told after ${end}`, deaths, 0);
      }
      let ids: readonly unknown[] = [1];
      // A server may need a moment to notice that a connection was cut.
      await until(async () => (ids = await bench.ids().catch(() => ids)).length === 0);
    },
  },
  {
    name: 'carries a database of Sluice: commits, rollbacks and nested transactions',
    async run({ client, statements }) {
      const database = createDatabase({ clients: { default: client } });
      const insert = (id: number): Promise<unknown> => {
        const { text, values } = statements.insert(id);
        return database.current.query(text, values);
      };
      const failed = new Error('rolled back on purpose');
      const failing = async (id: number): Promise<never> => {
        await insert(id);
        throw failed;
      };
      try {
        await database.transaction(async () => {
          await insert(1);
          await database.transaction(() => insert(2), { propagation: 'NESTED' });
          const nested = database.transaction(() => failing(3), { propagation: 'NESTED' });
          expectEqual('what the nested transaction threw', await expectRejection('it', nested), failed);
        });
        const thrown = await expectRejection(
          'the transaction',
          database.transaction(() => failing(4)),
        );
        expectEqual('what the transaction threw', thrown, failed);
        const { text, values } = statements.readAll;
        const { rows } = await database.current.query<{ id: unknown }>(text, values);
        expectEqual(
          'the rows afterwards',
          rows.map(({ id }) => id),
          [1, 2],
        );
      } finally {
        await database.close();
      }
    },
  },
];
