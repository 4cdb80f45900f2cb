import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { TestServer } from '../../test/support/engines/engine.ts';
import type { OwnServer } from '../../test/support/own/server.ts';
import type { OwnRedis } from '../../test/support/redis-server.ts';
import type { TcpProxy } from '../../test/support/tcp-proxy.ts';
import { until } from '../../test/support/settled.ts';
import type { Fleet } from '../fleet.ts';
import type { Harm, HarmKind } from './plan.ts';
import type { Proxies } from './proxies.ts';
import type { RowLock } from './row-lock.ts';

export interface Victims {
  readonly fleet: Fleet;
  readonly server: TestServer;
  /** Where the database is, if that is not a server for others too. */
  readonly ownServer: OwnServer | undefined;
  readonly proxies: Proxies;
  /** Of the caches alone. */
  readonly redis: OwnRedis;
  readonly rowLock: RowLock;
}

/** What was cut is looked up by then, in milliseconds. */
const untilLookedUp = 300;
const settled = [(): boolean => true, (): boolean => false] as const;

/** @returns `false` where there is nothing that it could be done to */
type Deed = (victims: Victims, harm: Harm) => Promise<void | boolean> | void;

const deeds: Record<HarmKind, Deed> = {
  'kill a process': ({ fleet }, { target }) => fleet.kill(target),
  async 'freeze a process'({ fleet }, { target, length }) {
    const child = fleet.choose(target);
    child?.kill('SIGSTOP');
    await delay(length);
    child?.kill('SIGCONT');
  },
  // By up to an hour, forwards and back.
  'set a clock': ({ fleet }, { target, by }) => fleet.setClock(target, Math.round((by - 0.5) * 7_200_000)),
  'cut the connections to the database': ({ proxies }) => proxies.database?.cut(),
  'lose the answers to COMMITs': ({ proxies }, { length }) =>
    during(length, () => proxies.database?.cutAfter(proxies.commit)),
  // The server learns of it at once, or not before it has written to the connection that is gone.
  'lose COMMITs': ({ proxies }, { length, target }) =>
    target < 0.3
      ? proxies.database?.cutBefore(proxies.commit, { silently: true })
      : during(length, () => proxies.database?.cutBefore(proxies.commit)),
  'hold the answers of the database': ({ proxies }, { length }) => hold(proxies.database, length),
  async 'refuse connections to the database'({ proxies }, { length }) {
    proxies.database?.refuse(true);
    proxies.database?.cut();
    await delay(length);
    proxies.database?.refuse(false);
  },
  'kill the sessions of the database': ({ server }) => server.kill(),
  async 'crash the database'({ ownServer, server }, { length }) {
    await ownServer?.crash();
    await delay(length);
    await ownServer?.start();
    // Connections of the driver were lost, too.
    await until('the driver has a connection again', () => server.sql('select 1').then(...settled));
  },
  // Those whose connection is gone go on all the same.
  async 'hold the COMMITs of the database'({ ownServer, proxies }, { length }) {
    const goOn = await ownServer?.holdCommits();
    try {
      await delay(length);
      proxies.database?.cut();
      await delay(untilLookedUp);
    } finally {
      await goOn?.();
    }
  },
  'lock a row': ({ rowLock }, { target, length }) => rowLock.hold(target, length),
  'cut the connections to the caches': ({ proxies }) => proxies.caches.cut(),
  'hold the answers of the caches': ({ proxies }, { length }) => hold(proxies.caches, length),
  async 'kill the server of the caches'({ redis }, { length }) {
    await redis.stop();
    await delay(length);
    await redis.start();
  },
  async 'empty the caches'({ redis }) {
    const client = new Redis(redis.url);
    await client.flushall();
    client.disconnect();
  },
  'cut the connections to the queues': ({ proxies }) => proxies.queues.cut(),
  'hold the answers of the queues': ({ proxies }, { length }) => hold(proxies.queues, length),
};

/** Does a harm, and undoes it after its time. @returns whether it could be done */
export async function doHarm(victims: Victims, harm: Harm): Promise<boolean> {
  return (await deeds[harm.kind](victims, harm)) !== false;
}

/** Has it done to the next one that comes, as soon as it is done to the one before. */
async function during(length: number, arm: () => void): Promise<void> {
  const end = performance.now() + length;
  do {
    arm();
    await delay(5);
  } while (performance.now() < end);
}

async function hold(proxy: TcpProxy | undefined, length: number): Promise<void> {
  proxy?.hold();
  await delay(length);
  proxy?.goOn();
}
