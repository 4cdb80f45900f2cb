import { expectEqual, expectRejection, pause } from './expect.ts';
import type { OutboxBench } from './outbox-bench.ts';
import type { CheckOf } from './suite.ts';

/** The inbox, and tables that are missing. */
export const outboxInboxChecks: readonly CheckOf<OutboxBench>[] = [
  {
    name: 'records what a consumer has handled, and gives the results',
    async run(bench) {
      await bench.create();
      await bench.run(bench.dialect.record('invoices', 'a', '{"number":1}'));
      await bench.run(bench.dialect.record('invoices', 'b', 'null'));
      await bench.run(bench.dialect.record('mails', 'c', 'null'));
      const rows = await bench.run(bench.dialect.recorded('invoices', ['a', 'b', 'c', 'd']));
      expectEqual('the results', Object.fromEntries(rows.map(({ message_id, result }) => [message_id, result])), {
        a: '{"number":1}',
        b: 'null',
      });
    },
  },
  {
    name: 'refuses to record a message that a consumer has handled before',
    async run(bench) {
      await bench.create();
      await bench.run(bench.dialect.record('invoices', 'a', '1'));
      await bench.run(bench.dialect.record('mails', 'a', '2'));
      await expectRejection('recording it again', bench.run(bench.dialect.record('invoices', 'a', '3')));
      const rows = await bench.run(bench.dialect.recorded('invoices', ['a']));
      expectEqual(
        'the result',
        rows.map(({ result }) => result),
        ['1'],
      );
    },
  },
  {
    name: 'forgets what was recorded longer ago than it is told, and nothing else',
    async run(bench) {
      await bench.create();
      await bench.run(bench.dialect.record('invoices', 'old', '1'));
      await pause(600);
      await bench.run(bench.dialect.record('invoices', 'new', '2'));
      await bench.run(bench.dialect.forget(400));
      const rows = await bench.run(bench.dialect.recorded('invoices', ['old', 'new']));
      expectEqual(
        'what is left',
        rows.map(({ message_id }) => message_id),
        ['new'],
      );
    },
  },
  {
    name: 'tells the error of a missing table from others',
    async run({ dialect, database }) {
      const run = (statement: {
        readonly text: string;
        readonly values?: readonly unknown[] | undefined;
      }): Promise<unknown> => database.getDb().query(statement.text, statement.values);
      for (const statement of [dialect.remove(['1']), dialect.recorded('invoices', ['a'])]) {
        const error = await expectRejection('a statement on a missing table', run(statement));
        expectEqual('the answer for its error', dialect.isMissingTable(error), true);
      }
      for (const error of [new Error('refused'), 'text', undefined, null, Object.freeze({})])
        expectEqual('the answer for another error', dialect.isMissingTable(error), false);
    },
  },
];
