import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { createDatabase } from '../src/index.ts';
import { xorshift } from '../test/checkers/random.ts';
import type { Engine, TestServer } from '../test/support/engines/engine.ts';
import { mariadbEngine } from '../test/support/engines/mariadb.ts';
import { postgresEngine } from '../test/support/engines/postgres.ts';
import { sqliteEngine } from '../test/support/engines/sqlite.ts';
import { ownMariadb } from '../test/support/own/mariadb.ts';
import { ownPostgres } from '../test/support/own/postgres.ts';
import type { OwnServer } from '../test/support/own/server.ts';
import { ownRedis } from '../test/support/redis-server.ts';
import { redisUrl } from '../test/support/servers.ts';
import { Fleet } from './fleet.ts';
import { doHarm, type Victims } from './harm/harms.ts';
import { plan } from './harm/plan.ts';
import { type Proxies, startProxies } from './harm/proxies.ts';
import { rowLock } from './harm/row-lock.ts';
import type { ChaosOptions } from './options.ts';
import { connectionsLeft, watchConnections } from './proofs/connections.ts';
import { Ledger } from './proofs/ledger.ts';
import { Looks } from './proofs/looks.ts';
import { effectsNoted, pending, prove } from './proofs/proofs.ts';
import type { Report } from './report/report.ts';
import { TimelineRecorder } from './report/timeline.ts';
import { budget, commitTimeout, type EngineName, type ShopSettings } from './settings.ts';
import { makeTables } from './shop/schema.ts';
import { clientOf } from './shop/shop.ts';

const engines: Readonly<Record<EngineName, Engine>> = {
  postgres: postgresEngine,
  mariadb: mariadbEngine,
  sqlite: sqliteEngine,
};
/** SQLite has none, and of MariaDB there may be no program. */
const ownServers: Readonly<Record<EngineName, () => Promise<OwnServer | undefined>>> = {
  postgres: ownPostgres,
  mariadb: ownMariadb,
  sqlite: () => Promise.resolve(undefined),
};
const processes = 3;
/** The longest pause between two harms, in milliseconds. */
const mostPause = 1_500;
/** Each may look up COMMITs and cancel statements on connections in addition to its budget; a stranger locks rows. */
const allowedConnections = processes * (budget + 2) + 2;
/** When no more harm is done there is nothing to look up. */
const allowedAtRest = processes * budget;
/** Without progress for so long work is stuck. What a killed process had in hand is taken over earlier: after a minute on SQLite. */
const mostPending = (engine: EngineName): number => (engine === 'sqlite' ? 90_000 : 40_000);

/**
 * Runs the shop, does harm to it, and holds what has become of it against what was promised.
 * @param signal ends it without the proofs
 */
export async function runChaos(
  options: ChaosOptions,
  say: (text: string) => void,
  signal: AbortSignal,
): Promise<Report> {
  const { engine, seed, duration } = options;
  const redis = await ownRedis();
  if (redis === undefined) throw new Error('the program redis-server is needed, for the caches');
  const ownServer = await ownServers[engine]();
  if (engine === 'mariadb' && ownServer === undefined)
    say('There is no program mariadbd: the server of the tests is used, and never crashes.');
  const server = engines[engine].server(ownServer?.url);
  await server.start();
  const proxies = await startProxies(engine, { database: server.url, caches: redis.url, queues: redisUrl });
  const prefix = `sluice-chaos-${randomBytes(6).toString('hex')}`;
  const ledger = new Ledger();
  const timeline = new TimelineRecorder(ledger.counts);
  const found: string[] = [];
  const wrong = (what: string): void => {
    if (found.length === 0) say(`found: ${what}`);
    found.push(what);
    timeline.found(what);
  };
  const fleet = new Fleet({
    size: processes,
    settings: (number) => settingsOf(number, { engine, seed, prefix, proxies, server }),
    onMessage(message) {
      if (message.kind !== 'report') return;
      ledger.note(message);
      message.found.forEach(wrong);
    },
    onWrong: wrong,
  });
  const lock = rowLock(engine, server.url);
  const victims: Victims = { fleet, server, ownServer, proxies, redis, rowLock: lock };
  try {
    await prepare(server, engine);
    const watch = watchConnections(server, allowedConnections, wrong);
    await fleet.start();
    say(`${processes} processes are there`);
    const isOver = (): boolean => signal.aborted || found.length > 0;
    await rage(options, victims, { ledger, timeline }, { say, wrong, isOver });
    timeline.rests();
    proxies.heal();
    await lock.close();
    watch.allow(allowedAtRest);
    // The first fault is enough.
    if (!signal.aborted && found.length === 0) await comeToRest({ fleet, server, ledger, engine, say, wrong });
    watch.stop();
    const written = timeline.end();
    return {
      engine,
      seed,
      duration: duration / 1_000,
      seconds: Math.round(written.end / 1_000),
      ...ledger.counts,
      harms: timeline.timesDone,
      highestConnections: watch.highest,
      found,
      timeline: written,
    };
  } finally {
    timeline.end();
    fleet.killAll();
    await proxies.close();
    await redis.stop();
    await server.drop();
    await ownServer?.stop();
    await forgetQueues(prefix);
  }
}

async function prepare(server: TestServer, engine: EngineName): Promise<void> {
  const database = createDatabase({ clients: { default: clientOf(engine, server.url, false) } });
  await makeTables(database, engine);
  await database.close();
}

interface Places {
  readonly engine: EngineName;
  readonly seed: number;
  readonly prefix: string;
  readonly proxies: Proxies;
  readonly server: TestServer;
}

function settingsOf(number: number, { engine, seed, prefix, proxies, server }: Places): ShopSettings {
  const own = seed + number * 7_919;
  // The first numbers of neighbouring seeds are alike.
  const random = xorshift(own);
  for (let drawn = 0; drawn < 8; drawn += 1) random();
  return {
    engine,
    databaseUrl: proxies.database?.url ?? server.url,
    cacheUrl: proxies.caches.url,
    jobsUrl: proxies.queues.url,
    prefix,
    name: `p${number}`,
    seed: own,
    // On a third of the processes the clock is wrong by up to ten minutes.
    skew: number % 3 === 0 ? Math.round((random() - 0.5) * 1_200_000) : 0,
    resolvesCommits: number % 2 === 0,
  };
}

/** Does one harm after the other until the time is over. */
async function rage(
  { engine, seed, duration }: ChaosOptions,
  victims: Victims,
  { ledger, timeline }: { readonly ledger: Ledger; readonly timeline: TimelineRecorder },
  { say, wrong, isOver }: Pick<Rest, 'say' | 'wrong'> & { readonly isOver: () => boolean },
): Promise<void> {
  let done = 0;
  const began = performance.now();
  const looks = new Looks(victims.server, ledger);
  let doing = '';
  const progress = setInterval(() => {
    const at = Math.round((performance.now() - began) / 1_000);
    say(`${at} s: ${ledger.counts.orders} orders, ${done} harms, now: ${doing}`);
  }, 5_000);
  try {
    for (const harm of plan(seed, engine, victims.ownServer !== undefined)) {
      if (performance.now() - began > duration || isOver()) break;
      doing = harm.kind;
      await awaitOrders(ledger, harm.after);
      const from = timeline.now;
      if (await doHarm(victims, harm)) {
        done += 1;
        timeline.done(harm.kind, from);
      }
      (await looks.look()).forEach(wrong);
    }
  } finally {
    clearInterval(progress);
  }
}

/** Waits for some orders, and not long where none are placed since too much is away. */
async function awaitOrders({ counts }: Ledger, orders: number): Promise<void> {
  const [before, began] = [counts.orders, performance.now()];
  while (counts.orders - before < orders && performance.now() - began < mostPause) await delay(20);
}

interface Rest {
  readonly fleet: Fleet;
  readonly server: TestServer;
  readonly ledger: Ledger;
  readonly engine: EngineName;
  readonly say: (text: string) => void;
  readonly wrong: (what: string) => void;
}

/** Lets what was begun come to its end, and proves that it is right. */
async function comeToRest({ fleet, server, ledger, engine, say, wrong }: Rest): Promise<void> {
  say('no more harm: what was begun comes to its end');
  await fleet.go('rest');
  const left = await awaitEffects(server, mostPending(engine));
  // What would come twice, and locks of those that were killed, get the time for it.
  await delay(commitTimeout(engine) + 500);
  (await prove(server, ledger)).forEach(wrong);
  left.forEach((what) => wrong(`stuck or lost: ${what}`));
  await fleet.go('compare');
  await fleet.go('close');
  await fleet.end();
  (await connectionsLeft(server)).forEach(wrong);
}

/** Waits as long as there is progress. @returns what is left then */
async function awaitEffects(server: TestServer, patience: number): Promise<readonly string[]> {
  let [effects, since] = [-1, performance.now()];
  for (;;) {
    const left = await pending(server);
    if (left.length === 0) return [];
    const now = await effectsNoted(server);
    if (now !== effects) [effects, since] = [now, performance.now()];
    if (performance.now() - since > patience) return left;
    await delay(200);
  }
}

async function forgetQueues(prefix: string): Promise<void> {
  const client = new Redis(redisUrl);
  const keys = await client.keys(`${prefix}*`);
  if (keys.length > 0) await client.unlink(...keys);
  client.disconnect();
}
