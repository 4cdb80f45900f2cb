import { type ClientDefinition, createDatabase, type Database, InvalidOptionError, statement } from '../../index.ts';
import { type FleetBus, type Inspector, startInspector } from '../../inspector/index.ts';
import { type Given, UsageError } from './command-line/command.ts';
import { numberOf } from './command-line/numbers.ts';
import { type Address, addressOf, secretsOf, withoutSecrets } from './servers/address.ts';
import { clientDefinition, packaged } from './servers/client-definition.ts';
import { reasonOf, within } from './servers/failure.ts';
import { findPooler } from './servers/pooler.ts';
import { RedisClient, redisTarget } from './servers/redis-client.ts';
import { withoutOwnWarnings } from './terminal/quiet-warnings.ts';
import { harmless, wrapped } from './terminal/text.ts';
import { untilStopped } from './terminal/until-stopped.ts';

/** How long the server may take to answer at the start, in milliseconds. */
const patience = 10_000;
/** How long a server that has gone silent may keep the end waiting. */
const patienceAtEnd = 3_000;
const usualChannel = 'sluice_inspector';
const usualChannelOfRedis = 'sluice:inspector';

interface Settings {
  readonly port: number;
  readonly host: string;
  readonly allowedHosts: readonly string[];
  /** The Redis over which the fleet is asked, if it is one. */
  readonly redis: Address | undefined;
  readonly channel: string | undefined;
}

/** A fleet that can be asked. */
interface Reached {
  readonly bus: FleetBus;
  /** Where its processes have joined, in words. */
  readonly place: string;
  readonly end: () => void;
}

/** Shows the fleet and the sessions of a server on a page, until it is stopped. @returns the exit code */
export async function runInspect(given: Given): Promise<number> {
  const address = addressOf(given.positionals[0] ?? '', ['postgres', 'mysql']);
  const settings = settingsOf(given, address);
  withoutOwnWarnings();
  const definition = await clientDefinition(address, {
    max: 1,
    maxLevel: 0,
    budget: 1,
    acquireTimeout: patience,
    applicationName: 'sluice inspect',
  });
  const database = createDatabase({ clients: { default: definition }, lockProbeAfter: false });
  const target = harmless(definition.driver.target);
  let reached: Reached | string | undefined;
  try {
    reached = await reachFleet(address, settings, { definition, database });
    const inspector = await start(database, settings, typeof reached === 'string' ? undefined : reached.bus);
    await showUntilStopped(inspector, introduction(target, reached));
    return 0;
  } catch (error) {
    if (!(error instanceof UnusableServer)) throw error;
    const secrets = [address, settings.redis].flatMap((each) => (each === undefined ? [] : secretsOf(each)));
    const reason = withoutSecrets(reasonOf(error.cause), secrets);
    const which = error.message || target;
    console.error(wrapped(`${which} cannot be used: ${reason}. See whether it runs, and whether the URL is right.`));
    return 1;
  } finally {
    if (typeof reached === 'object') reached.end();
    await database.close({ timeout: 500 });
  }
}

/** A server does not answer as it should, for the reason in `cause`: the one of the message, or the database. */
class UnusableServer extends Error {}

function settingsOf({ values, ...given }: Given, { kind }: Address): Settings {
  const { host = '127.0.0.1', channel, redis } = values;
  if (channel !== undefined && kind === 'mysql' && redis === undefined)
    throw new UsageError('--channel is for PostgreSQL and --redis: on MySQL and MariaDB there is no fleet');
  if (channel !== undefined && redis === undefined && Buffer.byteLength(channel) > 63)
    throw new UsageError('--channel takes a name of at most 63 bytes');
  return {
    port: numberOf({ values, ...given }, 'port', { otherwise: 0, least: 0, most: 65_535 }),
    host,
    allowedHosts: (values['allow-host'] ?? '').split(',').filter((name) => name !== ''),
    redis: redis === undefined ? undefined : addressOf(redis, ['redis']),
    channel,
  };
}

interface Watched {
  readonly definition: ClientDefinition;
  readonly database: Database;
}

/** @returns the fleet, or why there is none, in words. @throws UnusableServer, UsageError */
async function reachFleet(address: Address, settings: Settings, watched: Watched): Promise<Reached | string> {
  const { redis, channel } = settings;
  if (redis !== undefined) {
    await answered(watched.database);
    return await reachRedis(redis, channel);
  }
  const obstacle = await obstacleToFleet(address, watched);
  if (obstacle !== undefined) return obstacle;
  const { postgresFleet } = await packaged('pg', () => import('../../inspector/postgres/index.ts'));
  const name = channel ?? usualChannel;
  const bus = await accepted(() => postgresFleet({ connectionString: address.url, channel: name }));
  return { bus, place: `its channel ${harmless(name)}`, end: () => {} };
}

async function answered(database: Database): Promise<void> {
  try {
    await within(patience, database.query(statement('select 1')));
  } catch (cause) {
    throw new UnusableServer('', { cause });
  }
}

/** @throws UnusableServer, UsageError */
async function reachRedis({ url }: Address, channel: string = usualChannelOfRedis): Promise<Reached> {
  const target = harmless(redisTarget(url));
  try {
    (await within(patience, RedisClient.open(url))).close();
  } catch (cause) {
    throw new UnusableServer(target, { cause });
  }
  const { Redis } = await packaged('ioredis', () => import('ioredis'));
  const { redisFleet } = await import('../../inspector/redis/index.ts');
  // What cannot be sent now is not kept: the processes are asked again a second later.
  const client = new Redis(url, { enableOfflineQueue: false, commandTimeout: patienceAtEnd });
  const subscriber = new Redis(url, { maxRetriesPerRequest: null });
  for (const each of [client, subscriber]) each.on('error', () => {});
  const end = (): void => {
    for (const each of [client, subscriber]) each.disconnect();
  };
  try {
    const bus = await accepted(() => redisFleet({ client, subscriber, channel }));
    return { bus, place: `the channel ${harmless(channel)} of ${target}`, end };
  } catch (error) {
    end();
    throw error;
  }
}

/** Why the processes of the fleet cannot be asked over this server, in words. @throws UnusableServer */
async function obstacleToFleet(address: Address, { definition, database }: Watched): Promise<string | undefined> {
  if (address.kind === 'mysql') {
    await answered(database);
    return 'MySQL and MariaDB pass no messages between processes';
  }
  try {
    const mode = (await findPooler(definition, address, { timeout: patience }))?.mode;
    if (mode === 'transaction' || mode === 'statement')
      return `the pooler is in ${mode} mode and passes no notifications on; with the URL of the server itself it shows the fleet, too`;
    const isStandby = statement<{ readonly standby: boolean }>('select pg_is_in_recovery() as standby');
    const { rows } = await within(patience, database.query(isStandby));
    return rows[0]?.standby === true
      ? 'a standby passes no notifications on; with the URL of the primary it shows the fleet, too'
      : undefined;
  } catch (cause) {
    throw new UnusableServer('', { cause });
  }
}

/** @throws UsageError, InspectorNotStartedError */
async function start(
  database: Database,
  { port, host, allowedHosts }: Settings,
  fleet: FleetBus | undefined,
): Promise<Inspector> {
  const options = { name: 'sluice inspect', sessions: true, port, host, allowedHosts, fleet };
  return await accepted(() => startInspector(database, options));
}

/** What the library refuses of its options was given to the command. */
async function accepted<Made>(make: () => Made | Promise<Made>): Promise<Made> {
  try {
    return await make();
  } catch (error) {
    if (error instanceof InvalidOptionError) throw new UsageError(error.message);
    throw error;
  }
}

function introduction(target: string, reached: Reached | string): string {
  const shown =
    typeof reached === 'string'
      ? `its sessions alone, since ${reached}`
      : `its sessions, and the processes that have joined the fleet on ${reached.place}`;
  return `${target}: ${shown}. Who has the URL may look. Stop with SIGINT or SIGTERM.`;
}

async function showUntilStopped(inspector: Inspector, text: string): Promise<void> {
  const stopped = untilStopped();
  console.error(wrapped(text));
  console.log(inspector.url);
  await stopped;
  await within(patienceAtEnd, inspector.close()).catch(() => {});
}
