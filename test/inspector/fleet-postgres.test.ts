import { randomUUID } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import { joinFleet } from '../../src/inspector/index.ts';
import { postgresFleet } from '../../src/inspector/postgres/index.ts';
import type { Snapshot } from '../../src/inspector/snapshot.ts';
import { useTestDatabase } from '../support/database.ts';
import { until } from '../support/settled.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { describeFleet } from './fleet-suite.ts';
import { openInspector, readStream } from './inspector-client.ts';

const server = useTestDatabase();

describe('a fleet on PostgreSQL', () => {
  describeFleet(
    () => server.open({ max: 20, maxLevel: 1 }),
    () => postgresFleet({ connectionString: server.url }),
  );

  it('sends nothing as long as nobody looks', async () => {
    const proxy = await startTcpProxy(server.url);
    onTestFinished(() => proxy.close());
    const fleet = (): ReturnType<typeof postgresFleet> => postgresFleet({ connectionString: proxy.url });
    const member = joinFleet(server.open(), { fleet: fleet() });
    onTestFinished(() => member.close());
    const page = await openInspector({ database: server.open(), fleet: fleet() });
    await until('both listen', async () => (await server.connections('sluice inspector')) === 2);
    const listening = (): Promise<unknown[]> =>
      server.sql(
        "select 1 from pg_stat_activity where application_name = 'sluice inspector' and query like 'listen%' and state = 'idle'",
      );
    await until('both have said so', async () => (await listening()).length === 2);
    proxy.takeTrips();
    await page.get('/');
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(proxy.takeTrips()).toBe(0);
    const stream = await readStream(page);
    await until('they are asked', () => stream.snapshots.at(-1)?.processes.length === 2);
    stream.leave();
  });

  it('shows who has been cut off as silent, and finds it again', async () => {
    const proxy = await startTcpProxy(server.url);
    onTestFinished(() => proxy.close());
    const channel = `fleet ${randomUUID()}`;
    const own = (): ReturnType<typeof postgresFleet> => postgresFleet({ connectionString: server.url, channel });
    const cut = postgresFleet({ connectionString: proxy.url, channel });
    const member = joinFleet(server.open(), { name: 'worker', fleet: cut });
    onTestFinished(() => member.close());
    const page = await openInspector({ database: server.open(), fleet: own() });
    const stream = await readStream(page);
    const status = (): string | undefined =>
      stream.snapshots.at(-1)?.processes.find(({ name }) => name === 'worker')?.status;
    await until('it answers', () => status() === 'answered');
    proxy.hold();
    await until('it is silent', () => status() === 'silent', 20_000);
    proxy.goOn();
    proxy.cut();
    await until('it answers again', () => status() === 'answered', 20_000);
    stream.leave();
  });

  it('sends one message after the other, and piles up none while the server is silent', async () => {
    const proxy = await startTcpProxy(server.url);
    onTestFinished(() => proxy.close());
    const bus = postgresFleet({ connectionString: proxy.url });
    const heard: string[] = [];
    bus.open(
      (text) => heard.push(text),
      () => {},
    );
    onTestFinished(() => bus.close());
    const publish = async (text: string): Promise<string> => await bus.publish(text).then(() => 'sent', String);
    await until('it is connected', async () => (await publish('first')) === 'sent');
    proxy.hold();
    const outcomes = Array.from({ length: 40 }, (_, at) => publish(`${at}`));
    expect(await outcomes.at(-1)).toContain('busy');
    proxy.goOn();
    const sent = (await Promise.all(outcomes)).filter((outcome) => outcome === 'sent').length;
    await until('all that was sent has come', () => heard.length > sent);
    expect(heard).toEqual(['first', ...Array.from({ length: sent }, (_, at) => `${at}`)]);
  });

  it('finds no circle among those who wait for one and the same row in several processes', async () => {
    await server.sql('insert into product (id) values (1)');
    const channel = `fleet ${randomUUID()}`;
    const fleet = (): ReturnType<typeof postgresFleet> => postgresFleet({ connectionString: server.url, channel });
    const [shop, worker] = [server.open({ max: 3, maxLevel: 0 }), server.open({ max: 3, maxLevel: 0 })];
    const member = joinFleet(worker, { name: 'worker', fleet: fleet() });
    onTestFinished(() => member.close());
    const page = await openInspector({ database: shop, fleet: fleet() });
    const stream = await readStream(page);
    let isOver = false;
    const sell = async (database: typeof shop): Promise<void> => {
      while (!isOver) {
        await database.transaction(async () => {
          await database.query('update product set stock = stock + 1 where id = 1');
          await new Promise((resolve) => setTimeout(resolve, 40));
        });
      }
    };
    const selling = [shop, worker, shop, worker, shop, worker].map(sell);
    const waitsIn = ({ holders, processes }: Snapshot): number =>
      processes.filter(({ id }) =>
        holders.shown.some(({ processId, waitsFor }) => processId === id && waitsFor.type === 'lock'),
      ).length;
    const looks = (): readonly Snapshot[] => stream.snapshots.filter((each) => waitsIn(each) === 2);
    await until('both were seen to wait many times', () => looks().length >= 30, 20_000);
    isOver = true;
    await Promise.all(selling);
    stream.leave();
    expect(looks().flatMap(({ standstills }) => standstills.filter(({ kind }) => kind === 'circle'))).toEqual([]);
  });

  it('takes other processes of other channels for none of its own', async () => {
    const other = joinFleet(server.open(), {
      fleet: postgresFleet({ connectionString: server.url, channel: 'another' }),
    });
    onTestFinished(() => other.close());
    const page = await openInspector({
      database: server.open(),
      fleet: postgresFleet({ connectionString: server.url }),
    });
    const stream = await readStream(page);
    await until('it has looked some times', () => stream.snapshots.length > 5);
    expect(stream.snapshots.at(-1)?.processes).toHaveLength(1);
    stream.leave();
  });
});
