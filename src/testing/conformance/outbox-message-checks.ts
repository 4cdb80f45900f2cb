import { expectEqual, expectThat, pause } from './expect.ts';
import { messageOf, type OutboxBench } from './outbox-bench.ts';
import type { CheckOf } from './suite.ts';

const long = 60_000;

/** Messages: how they wait, in which order they are claimed, and what becomes of failures. */
export const outboxMessageChecks: readonly CheckOf<OutboxBench>[] = [
  {
    name: 'makes its tables, also where they are already',
    async run(bench) {
      await bench.create();
      await bench.create();
      expectEqual('the messages that are due', await bench.due(), []);
    },
  },
  {
    name: 'claims messages as they were added, in their order',
    async run(bench) {
      await bench.create();
      const payload = '{"note":"it\'s \\"zwölf\\" \\\\ 😀"}';
      await bench.add(messageOf('a', { key: 'order 1', payload, context: '{"tenant":"acme"}' }), messageOf('b'));
      await bench.add(messageOf('c'));
      const rows = await bench.claim('broker', 100);
      expectEqual(
        'the messages',
        rows.map(({ job_id }) => job_id),
        ['a', 'b', 'c'],
      );
      const [first, second] = rows;
      expectEqual('"queue"', first?.queue, 'sales');
      expectEqual('"key"', [first?.key, second?.key], ['order 1', null]);
      expectEqual('"payload"', first?.payload, payload);
      expectEqual('"context"', first?.context, '{"tenant":"acme"}');
      expectEqual('"attempts"', first?.attempts, 0);
      expectThat('"id" is text', typeof first?.id === 'string');
    },
  },
  {
    name: 'claims the messages of a channel alone, and no more than were asked for',
    async run(bench) {
      await bench.create();
      await bench.add(messageOf('a', { channel: 'other' }), messageOf('b'), messageOf('c'), messageOf('d'));
      const rows = await bench.claim('broker', 2);
      expectEqual(
        'the messages',
        rows.map(({ job_id }) => job_id),
        ['b', 'c'],
      );
      expectEqual('the messages of the other channel', await bench.due('other'), ['a']);
    },
  },
  {
    name: 'adds any number of messages at once',
    async run(bench) {
      await bench.create();
      const messages = Array.from({ length: 2_500 }, (_, index) => messageOf(`message ${index}`));
      await bench.add(...messages);
      const rows = await bench.claim('broker', 3_000);
      expectEqual('the number of messages', rows.length, messages.length);
      expectEqual('the last of them', rows.at(-1)?.job_id, 'message 2499');
    },
  },
  {
    name: 'leaves nothing of a message whose transaction is rolled back',
    async run(bench) {
      await bench.create();
      const rolledBack = new Error('rolled back on purpose');
      const transaction = bench.database.transaction(async () => {
        for (const { text, values } of bench.dialect.add([messageOf('a')]))
          await bench.database.current.query(text, values);
        throw rolledBack;
      });
      await transaction.catch((error: unknown) => {
        if (error !== rolledBack) throw error;
      });
      expectEqual('the messages that are due', await bench.due(), []);
    },
  },
  {
    name: 'gives what is claimed to one relay, and back when it was not handed over',
    async run(bench) {
      await bench.create();
      await bench.add(messageOf('a'), messageOf('b'));
      await bench.claim('broker', 1, async ([first]) => {
        expectEqual('what the first relay claims', first?.job_id, 'a');
        const others = await bench.claim('broker', 10, undefined, 1);
        expectEqual(
          'what a second relay claims',
          others.map(({ job_id }) => job_id),
          ['b'],
        );
      });
      expectEqual('the messages that are due afterwards', await bench.due(), ['a', 'b']);
    },
  },
  {
    name: 'removes messages that were delivered, and no others',
    async run(bench) {
      await bench.create();
      await bench.add(messageOf('a'), messageOf('b'), messageOf('c'));
      const rows = await bench.claim('broker', 100);
      const ids = rows.filter(({ job_id }) => job_id !== 'b').map(({ id }) => id);
      await bench.run(bench.dialect.remove(ids));
      expectEqual('the messages that are due', await bench.due(), ['b']);
    },
  },
  {
    name: 'holds a message back that has failed, and those behind it with the same queue and key',
    async run(bench) {
      await bench.create();
      await bench.add(
        messageOf('first', { key: 'order 1' }),
        messageOf('second', { key: 'order 1' }),
        messageOf('other key', { key: 'order 2' }),
        messageOf('other queue', { key: 'order 1', queue: 'audit' }),
        messageOf('no key'),
      );
      const { id } = await bench.row('first');
      await bench.run(bench.dialect.fail(id, 'refused', long, 10));
      expectEqual('the messages that are due', await bench.due(), ['other key', 'other queue', 'no key']);
    },
  },
  {
    name: 'counts failures, and makes a message due again after the pause',
    async run(bench) {
      await bench.create();
      await bench.add(messageOf('a'));
      const { id } = await bench.row('a');
      await bench.run(bench.dialect.fail(id, 'refused', 30, 10));
      await pause(100);
      const again = await bench.row('a');
      expectEqual('"attempts"', again.attempts, 1);
      expectEqual('"id"', again.id, id);
    },
  },
  {
    name: 'parks a message that has failed too often, and lets those behind it go on',
    async run(bench) {
      await bench.create();
      await bench.add(messageOf('a', { key: 'order 1' }), messageOf('b', { key: 'order 1' }));
      const { id } = await bench.row('a');
      await bench.run(bench.dialect.fail(id, 'refused', long, 1));
      expectEqual('the messages that are due', await bench.due(), ['b']);
      const [parked] = await bench.run(bench.dialect.parked('broker', 10));
      expectEqual('"job_id" of the parked one', parked?.['job_id'], 'a');
      expectEqual('its "last_error"', parked?.['last_error'], 'refused');
      const at = new Date(parked?.['parked_at'] as string | number | Date).getTime();
      expectThat('its "parked_at" is a time', Number.isFinite(at));
      expectEqual('the parked ones of another channel', await bench.run(bench.dialect.parked('other', 10)), []);
    },
  },
  {
    name: 'replays parked messages, those that are named or all',
    async run(bench) {
      await bench.create();
      await bench.add(messageOf('a'), messageOf('b'), messageOf('c'));
      const rows = await bench.claim('broker', 100);
      for (const { id } of rows) await bench.run(bench.dialect.fail(id, 'refused', long, 1));
      expectEqual('the messages that are due while all are parked', await bench.due(), []);
      await bench.run(bench.dialect.replay('broker', [rows[1]?.id ?? '']));
      expectEqual('the messages that are due after one was named', await bench.due(), ['b']);
      expectEqual('"attempts" of it', (await bench.row('b')).attempts, 0);
      await bench.run(bench.dialect.replay('other', undefined));
      await bench.run(bench.dialect.replay('broker', undefined));
      expectEqual('the messages that are due after all were replayed', await bench.due(), ['a', 'b', 'c']);
    },
  },
  {
    name: 'knows which messages wait in a channel or are parked',
    async run(bench) {
      await bench.create();
      await bench.add(messageOf('a'), messageOf('b'), messageOf('c', { channel: 'other' }));
      await bench.run(bench.dialect.fail((await bench.row('a')).id, 'refused', long, 1));
      const rows = await bench.run(bench.dialect.present('broker', ['a', 'b', 'c', 'd']));
      expectEqual('the messages', rows.map(({ job_id }) => String(job_id)).toSorted(), ['a', 'b']);
    },
  },
];
