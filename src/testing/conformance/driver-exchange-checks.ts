import type { Step } from '../../driver/index.ts';
import { begin, commit, type DriverBench, expectSuccess, rollback } from './driver-bench.ts';
import { expectEqual, expectThat } from './expect.ts';
import type { CheckOf } from './suite.ts';

/** Begins, and stands behind the second of two savepoints, with a row in front of each and one behind. */
const inTwoSavepoints = (bench: DriverBench): readonly Step[] => [
  begin,
  bench.insert(1),
  { type: 'savepoint', name: 'outer_one' },
  bench.insert(2),
  { type: 'savepoint', name: 'inner_one' },
  bench.insert(3),
];

/** Exchanges: what they carry out, and what they tell of it. */
export const driverExchangeChecks: readonly CheckOf<DriverBench>[] = [
  {
    name: 'commits a statement that is sent outside of a transaction by itself',
    async run(bench) {
      const connection = await bench.connect();
      const exchange = await connection.run([bench.insert(1)]);
      expectSuccess('the statement', exchange, 1);
      expectEqual('"ended" of an exchange that ended no transaction', exchange.ended, undefined);
      expectEqual('the status after it', connection.status, 'idle');
      expectEqual('the rows that another connection sees', await bench.ids(), [1]);
    },
  },
  {
    name: 'carries out a whole transaction in one exchange, and says that it was committed',
    async run(bench) {
      const connection = await bench.connect();
      const exchange = await connection.run([begin, bench.insert(1), bench.insert(2), commit]);
      expectSuccess('the exchange', exchange, 4);
      expectEqual('"ended"', exchange.ended, 'committed');
      expectEqual('the status after it', connection.status, 'idle');
      expectEqual('the rows that another connection sees', await bench.ids(), [1, 2]);
    },
  },
  {
    name: 'undoes all of a transaction that is rolled back, and says so',
    async run(bench) {
      const connection = await bench.connect();
      expectSuccess('the first exchange', await connection.run([begin, bench.insert(1)]), 2);
      const exchange = await connection.run([bench.insert(2), rollback]);
      expectSuccess('the second exchange', exchange, 2);
      expectEqual('"ended"', exchange.ended, 'rolledBack');
      expectEqual('the rows afterwards', await bench.ids(), []);
    },
  },
  {
    name: 'keeps a transaction open from one exchange to the next, and tells its status',
    async run(bench) {
      const connection = await bench.connect();
      expectEqual('the status at first', connection.status, 'idle');
      const first = await connection.run([begin]);
      expectSuccess('the begin', first, 1);
      expectEqual('"ended" after the begin', first.ended, undefined);
      expectEqual('the status in the transaction', connection.status, 'active');
      expectSuccess('the statement', await connection.run([bench.insert(1)]), 1);
      const last = await connection.run([commit]);
      expectEqual('"ended" after the commit', last.ended, 'committed');
      expectEqual('the status after the commit', connection.status, 'idle');
      expectEqual('the rows afterwards', await bench.ids(), [1]);
    },
  },
  {
    name: 'hides the writes of a transaction from other connections until it commits',
    async run(bench) {
      const [writer, reader] = [await bench.connect(), await bench.connect()];
      expectSuccess('the write', await writer.run([begin, bench.insert(1)]), 2);
      const { failure, results } = await reader.run([bench.readAll]);
      // An engine with one writer may refuse the read instead.
      if (failure === undefined) expectEqual('the rows that another connection sees', results[0]?.rows, []);
      await writer.run([commit]);
      expectEqual('the rows after the commit', await bench.ids(), [1]);
    },
  },
  {
    name: 'gives the results of statements alone, in their order',
    async run(bench) {
      const connection = await bench.connect();
      const { results } = await connection.run([begin, bench.readAll, bench.insert(7), bench.readAll, commit]);
      expectEqual('the number of results', results.length, 3);
      expectEqual(
        'the rows of each',
        results.map(({ rows }) => rows.map(({ id }) => id)),
        [[], [], [7]],
      );
    },
  },
  {
    name: 'counts the rows of a result, and names its columns and its command',
    async run(bench) {
      const connection = await bench.connect();
      const { results } = await connection.run([bench.insert(1), bench.insert(2), bench.readAll]);
      const [inserted, , read] = results;
      expectEqual('"rowCount" of an insert of one row', inserted?.rowCount, 1);
      expectEqual('"rows" of an insert', inserted?.rows, []);
      expectEqual('"rowCount" of a read of two rows', read?.rowCount, 2);
      expectEqual(
        'the names of "fields"',
        read?.fields.map(({ name }) => name),
        ['id'],
      );
      expectThat('"command" is text', typeof read?.command === 'string' && typeof inserted?.command === 'string');
    },
  },
  {
    name: 'stops at the first step that fails, and returns the failure instead of throwing it',
    async run(bench) {
      const connection = await bench.connect();
      const { completed, failure, results } = await connection.run([
        begin,
        bench.insert(1),
        bench.failing,
        bench.insert(2),
      ]);
      expectEqual('"completed"', completed, 2);
      expectEqual('the number of results', results.length, 1);
      expectEqual('the kind of the failure', failure?.kind, 'statement');
      expectThat('the failure has the error of the engine', failure?.error !== undefined);
      const { ended } = await connection.run([rollback]);
      expectEqual('"ended" of the rollback', ended, 'rolledBack');
      expectEqual('the status after it', connection.status, 'idle');
      expectEqual('the rows afterwards', await bench.ids(), []);
    },
  },
  {
    name: 'does not commit behind a step that failed',
    async run(bench) {
      const connection = await bench.connect();
      const { completed, ended } = await connection.run([begin, bench.insert(1), bench.failing, commit]);
      expectEqual('"completed"', completed, 2);
      expectThat('"ended" is not "committed"', ended !== 'committed');
      if (connection.status !== 'idle') await connection.run([rollback]);
      expectEqual('the rows afterwards', await bench.ids(), []);
    },
  },
  {
    name: 'goes on after a failure, when its transaction was rolled back',
    async run(bench) {
      const connection = await bench.connect();
      await connection.run([begin, bench.failing]);
      await connection.run([rollback]);
      expectSuccess('the next transaction', await connection.run([begin, bench.insert(1), commit]), 3);
      expectEqual('the rows afterwards', await bench.ids(), [1]);
    },
  },
  {
    name: 'undoes what came after a savepoint, and nothing else',
    async run(bench) {
      const connection = await bench.connect();
      const exchange = await connection.run([
        ...inTwoSavepoints(bench),
        { type: 'rollbackTo', name: 'inner_one' },
        { type: 'release', name: 'inner_one' },
        bench.insert(4),
        { type: 'release', name: 'outer_one' },
        commit,
      ]);
      expectSuccess('the exchange', exchange, 11);
      expectEqual('the rows afterwards', await bench.ids(), [1, 2, 4]);
    },
  },
  {
    name: 'undoes inner savepoints together with the outer one',
    async run(bench) {
      const connection = await bench.connect();
      const exchange = await connection.run([
        ...inTwoSavepoints(bench),
        { type: 'release', name: 'inner_one' },
        { type: 'rollbackTo', name: 'outer_one' },
        bench.insert(4),
        commit,
      ]);
      expectSuccess('the exchange', exchange, 10);
      expectEqual('the rows afterwards', await bench.ids(), [1, 4]);
    },
  },
  {
    name: 'recovers from a failure by a rollback to the savepoint before it',
    async run(bench) {
      const connection = await bench.connect();
      await connection.run([begin, bench.insert(1), { type: 'savepoint', name: 'before_it' }, bench.failing]);
      const exchange = await connection.run([{ type: 'rollbackTo', name: 'before_it' }, bench.insert(2), commit]);
      expectSuccess('the exchange after the failure', exchange, 3);
      expectEqual('the rows afterwards', await bench.ids(), [1, 2]);
    },
  },
];
