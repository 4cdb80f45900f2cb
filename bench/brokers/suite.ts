// Messages of the outbox into each broker, with the publishing of the broker's client by itself as 1.
import { randomUUID } from 'node:crypto';
import { createDatabase } from '../../src/index.ts';
import { postgres } from '../../src/drivers/postgres/index.ts';
import { addToOutbox, createOutbox, createOutboxTables } from '../../src/outbox/index.ts';
import { type BrokerKind, brokerKinds } from '../../test/support/brokers.ts';
import { rounds as asked, values } from '../options.ts';
import { compare, type Result, row, say } from '../report.ts';
import { interleave, median, type RemoteContender, type Sample } from '../rounds.ts';
import { group, openClient, topic } from './clients.ts';

/** Of a broker: a round is so many messages. */
export interface BrokerFigure extends Result {
  readonly rounds: number;
  readonly messages: number;
  /** Messages in a second, of the relay and of the client: the medians. */
  readonly relayed: number;
  readonly published: number;
}

const messages = values.quick ? 2_000 : 10_000;
const rounds = Math.min(asked, 10);
const batchSize = 500;
const customers = 1_000;

export async function benchBrokers(url: string): Promise<BrokerFigure[]> {
  const figures: BrokerFigure[] = [];
  for (const kind of brokerKinds) figures.push(await benchBroker(url, kind));
  return figures;
}

async function benchBroker(url: string, kind: BrokerKind): Promise<BrokerFigure> {
  const database = createDatabase({ clients: { default: postgres({ connectionString: url, max: 10 }) } });
  await createOutboxTables(database.current);
  const place = kind.place(`bench-${process.pid}`, [`${topic}.${group}`]);
  const broker = place.open();
  // RabbitMQ takes no messages before there is a group, and NATS makes its stream.
  const known = broker.subscribe({ topic, group, prefetch: 1, onMessage: () => {}, onError: () => {} });
  await known.ready;
  await known.close();
  const channel = `bench/${randomUUID()}`;
  const outbox = createOutbox(database, { broker, batchSize, channel });
  const client = await openClient(kind.name, place.name);
  let sent = await client.stored();

  const timed = async (work: () => Promise<void>): Promise<Sample> => {
    const cpuBefore = process.cpuUsage();
    const start = performance.now();
    await work();
    const duration = performance.now() - start;
    const { user, system } = process.cpuUsage(cpuBefore);
    sent += messages;
    await stores(() => client.stored(), sent);
    return { throughput: (messages / duration) * 1_000, cpu: (user + system) / messages };
  };
  const contenders: readonly RemoteContender[] = [
    {
      name: 'client',
      measure: () =>
        timed(async () => {
          for (let at = 0; at < messages; at += batchSize) await client.publish(numbers(at, batchSize).map(messageOf));
        }),
    },
    {
      name: 'sluice',
      async measure() {
        const rows = numbers(0, messages).map((n) => ({
          channel,
          queue: topic,
          key: `customer ${n % customers}`,
          payload: { payload: payloadOf(n) },
        }));
        await addToOutbox(database.current, rows);
        return await timed(async () => {
          const relayed = await outbox.drain();
          if (relayed !== messages) throw new Error(`${relayed} of ${messages} messages were handed over`);
        });
      },
    },
  ];
  try {
    const samples = await interleave(contenders, { callers: 1, rounds, duration: 0 });
    const [ours, theirs] = [samples.get('sluice') ?? [], samples.get('client') ?? []];
    const result = compare(kind.server, ours, theirs);
    say(`${row(result)}  ${rate(ours)}/s, the client ${rate(theirs)}/s`);
    return { ...result, rounds, messages, relayed: rate(ours), published: rate(theirs) };
  } finally {
    await outbox.stop();
    await client.close();
    await broker.close();
    await place.drop();
    await database.close();
  }
}

/** Messages in a second. */
function rate(samples: readonly Sample[]): number {
  return Math.round(median(samples.map(({ throughput }) => throughput)));
}

function numbers(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, at) => from + at);
}

function payloadOf(n: number): object {
  return { id: n, customer: n % customers, note: 'as usual, at the door'.repeat(5) };
}

function messageOf(n: number): { readonly id: string; readonly body: Buffer } {
  return { id: randomUUID(), body: Buffer.from(JSON.stringify(payloadOf(n))) };
}

/** A queue counts what it has confirmed a little later. */
async function stores(count: () => Promise<number>, expected: number): Promise<void> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const found = await count();
    if (found === expected) return;
    if (found > expected || performance.now() > deadline) {
      throw new Error(`The broker has ${found} messages in place of ${expected}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
