import type { OutboxAdministration, OutboxListing, ReceivedMessages } from '../../outbox/index.ts';
import { expectEqual, expectRejection, expectThat, pause } from './expect.ts';
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
    name: 'claims others in the same transaction, without those that it is told to have taken',
    async run(bench) {
      await bench.create();
      await bench.add(messageOf('a'), messageOf('b'), messageOf('c'));
      await bench.claim('broker', 2, async ([first, second]) => {
        const [third, none] = await bench.dialect.claim(bench.db, 'broker', 9, [first?.id ?? '', second?.id ?? '']);
        expectEqual('the others', [third?.job_id, none], ['c', undefined]);
      });
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

const parkedOnes: OutboxListing = { channel: 'broker', parked: true, after: '0', limit: 100, payload: false };

/** Makes a check of a dialect that has an administration; others pass. It has the tables. */
function check(
  name: string,
  run: (bench: OutboxBench, admin: OutboxAdministration) => Promise<void>,
): CheckOf<OutboxBench> {
  return {
    name,
    async run(bench) {
      const { administration } = bench.dialect;
      if (administration === undefined) return;
      await bench.create();
      await run(bench, administration);
    },
  };
}

/** Adds messages and parks them. */
async function park(bench: OutboxBench, ...jobIds: readonly string[]): Promise<void> {
  await bench.add(...jobIds.map((jobId) => messageOf(jobId)));
  for (const { id, job_id } of await bench.claim('broker', 100))
    if (jobIds.includes(job_id)) await bench.run(bench.dialect.fail(id, 'refused', long, 1));
}

type Rows = readonly Readonly<Record<string, unknown>>[];
const idsOf = (rows: Rows): readonly string[] => rows.map((row) => String(row['job_id']));
const numbersOf = (rows: Rows): readonly string[] => rows.map((row) => String(row['id']));

/** A date, or milliseconds, which may be text. */
function timeOf(value: unknown): number {
  return value instanceof Date ? value.getTime() : Number(value);
}

/** What administrators do with an outbox: counting, listing, replaying, discarding. */
export const outboxAdminChecks: readonly CheckOf<OutboxBench>[] = [
  check('counts the messages of each channel, and says how long the oldest has waited', async (bench, admin) => {
    expectEqual('the counts of an empty outbox', await bench.run(admin.counts()), []);
    await park(bench, 'a', 'b');
    await bench.add(messageOf('c'), messageOf('d', { channel: 'other' }));
    const rows = await bench.run(admin.counts());
    const found = rows.map((row) => [row['channel'], Number(row['waiting']), Number(row['parked'])]);
    expectEqual(
      'the counts',
      found.toSorted(([one], [other]) => String(one).localeCompare(String(other))),
      [
        ['broker', 1, 2],
        ['other', 1, 0],
      ],
    );
    const lag = Number(rows[0]?.['lag']);
    expectThat(`"lag" is in milliseconds, and not ${lag}`, lag >= 0 && lag < long);
  }),

  check('lists messages by their numbers, those that wait or are parked, page by page', async (bench, admin) => {
    await park(bench, 'a', 'b', 'c');
    await bench.add(messageOf('d', { key: 'order 1' }), messageOf('e', { channel: 'other' }));
    const rows = await bench.run(admin.list(parkedOnes));
    expectEqual('the parked ones', idsOf(rows), ['a', 'b', 'c']);
    const [row] = rows;
    expectEqual('what is said of one', [row?.['queue'], row?.['key'], row?.['attempts']], ['sales', null, 1]);
    expectEqual('its error and its payload', [row?.['last_error'], row?.['payload']], ['refused', null]);
    for (const name of ['created_at', 'available_at', 'parked_at'])
      expectThat(`"${name}" is a time`, Math.abs(timeOf(row?.[name]) - Date.now()) < 86_400_000);
    const first = await bench.run(admin.list({ ...parkedOnes, limit: 2 }));
    const rest = await bench.run(admin.list({ ...parkedOnes, limit: 2, after: numbersOf(first)[1] ?? '' }));
    expectEqual('two pages', [idsOf(first), idsOf(rest)], [['a', 'b'], ['c']]);
    const [waiting, ...more] = await bench.run(admin.list({ ...parkedOnes, parked: false, payload: true }));
    expectEqual('those that wait', [waiting?.['job_id'], waiting?.['key'], more], ['d', 'order 1', []]);
    const { payload, context } = messageOf('d');
    expectEqual('the payload', [waiting?.['payload'], waiting?.['context']], [payload, context]);
    expectEqual('when it was parked', waiting?.['parked_at'], null);
  }),

  check('finds a message of a channel by its number', async (bench, admin) => {
    await park(bench, 'a');
    const [number = ''] = numbersOf(await bench.run(admin.list(parkedOnes)));
    const [found] = await bench.run(admin.find('broker', number, true));
    expectEqual('the message', [found?.['job_id'], found?.['payload']], ['a', messageOf('a').payload]);
    expectEqual('without its payload', (await bench.run(admin.find('broker', number, false)))[0]?.['payload'], null);
    expectEqual('in another channel', await bench.run(admin.find('other', number, false)), []);
    expectEqual('one that is not there', await bench.run(admin.find('broker', '999999', false)), []);
  }),

  check('replays the oldest parked messages, no more than it is told', async (bench, admin) => {
    await park(bench, 'a', 'b', 'c');
    await bench.run(admin.replay('other', 10));
    expectEqual('those that are due after another channel was replayed', await bench.due(), []);
    await bench.run(admin.replay('broker', 2));
    expectEqual('those that are due', await bench.due(), ['a', 'b']);
    expectEqual('"attempts" of one', (await bench.row('a')).attempts, 0);
    await bench.run(admin.replay('broker', 2));
    expectEqual('those that are due afterwards', await bench.due(), ['a', 'b', 'c']);
  }),

  check('discards parked messages that are named, and none that wait', async (bench, admin) => {
    await park(bench, 'a', 'b');
    await bench.add(messageOf('c'));
    const parked = numbersOf(await bench.run(admin.list(parkedOnes)));
    const waiting = numbersOf(await bench.run(admin.list({ ...parkedOnes, parked: false })));
    await bench.run(admin.discard('other', parked));
    await bench.run(admin.discard('broker', []));
    expectEqual('the parked ones before', idsOf(await bench.run(admin.list(parkedOnes))), ['a', 'b']);
    for (let times = 0; times < 2; times += 1)
      await bench.run(admin.discard('broker', [...parked.slice(0, 1), ...waiting]));
    expectEqual('the parked ones', idsOf(await bench.run(admin.list(parkedOnes))), ['b']);
    expectEqual('those that are due', await bench.due(), ['c']);
  }),
];

/** What consumers of a broker keep: how often handlers were started without an end. Dialects without it pass. */
export const outboxReceivedChecks: readonly CheckOf<OutboxBench>[] = [
  {
    name: 'counts the starts of a handler, takes back those that have ended, and forgets old ones',
    async run(bench) {
      const { received } = bench.dialect;
      if (received === undefined) return;
      await bench.create();
      const starts = async (id: string): Promise<number> =>
        Number((await bench.run(received.starts('mails', id)))[0]?.['starts'] ?? 0);
      const run = async (...names: readonly (keyof Pick<ReceivedMessages, 'start' | 'ended'>)[]): Promise<void> => {
        for (const name of names) await bench.run(received[name]('mails', 'a'));
      };
      await run('ended');
      expectEqual('the starts of one that was never started', await starts('a'), 0);
      await run('start', 'start', 'start', 'ended');
      await bench.run(received.start('invoices', 'a'));
      expectEqual('the starts', [await starts('a'), await starts('b')], [2, 0]);
      await run('ended', 'ended', 'ended');
      expectEqual('the starts when all have ended', await starts('a'), 0);
      await run('start');
      await bench.run(received.forgetStarts(long));
      expectEqual('the starts of a recent one', await starts('a'), 1);
      await pause(100);
      await bench.run(received.forgetStarts(50));
      expectEqual('the starts of an old one', await bench.run(received.starts('mails', 'a')), []);
    },
  },
];
