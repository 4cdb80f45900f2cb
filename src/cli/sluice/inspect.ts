import { type ClientDefinition, createDatabase, type Database, InvalidOptionError, statement } from '../../index.ts';
import { type FleetBus, type Inspector, startInspector } from '../../inspector/index.ts';
import { type Given, UsageError } from './command-line/command.ts';
import { numberOf } from './command-line/numbers.ts';
import { type Address, addressOf, secretsOf, withoutSecrets } from './servers/address.ts';
import { clientDefinition, packaged } from './servers/client-definition.ts';
import { reasonOf, within } from './servers/failure.ts';
import { findPooler } from './servers/pooler.ts';
import { withoutOwnWarnings } from './terminal/quiet-warnings.ts';
import { harmless, wrapped } from './terminal/text.ts';
import { untilStopped } from './terminal/until-stopped.ts';

/** How long the server may take to answer at the start, in milliseconds. */
const patience = 10_000;
/** How long a server that has gone silent may keep the end waiting. */
const patienceAtEnd = 3_000;
const usualChannel = 'sluice_inspector';

interface Settings {
  readonly port: number;
  readonly host: string;
  readonly channel: string;
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
  try {
    const obstacle = await obstacleToFleet(address, definition, database);
    const fleet = obstacle === undefined ? await fleetOf(address, settings) : undefined;
    await showUntilStopped(await start(database, settings, fleet), introduction(target, settings, obstacle));
    return 0;
  } catch (error) {
    if (!(error instanceof UnusableServer)) throw error;
    const reason = withoutSecrets(reasonOf(error.cause), secretsOf(address));
    console.error(wrapped(`${target} cannot be used: ${reason}. See whether it runs, and whether the URL is right.`));
    return 1;
  } finally {
    await database.close({ timeout: 500 });
  }
}

/** The server does not answer as it should, for the reason in `cause`. */
class UnusableServer extends Error {}

function settingsOf(given: Given, { kind }: Address): Settings {
  const { host = '127.0.0.1', channel = usualChannel } = given.values;
  if (given.values['channel'] !== undefined && kind === 'mysql')
    throw new UsageError('--channel is for PostgreSQL: on MySQL and MariaDB there is no fleet');
  if (Buffer.byteLength(channel) > 63) throw new UsageError('--channel takes a name of at most 63 bytes');
  return { port: numberOf(given, 'port', { otherwise: 0, least: 0, most: 65_535 }), host, channel };
}

/** Why the processes of the fleet cannot be asked over this server, in words. @throws UnusableServer */
async function obstacleToFleet(
  address: Address,
  definition: ClientDefinition,
  database: Database,
): Promise<string | undefined> {
  try {
    if (address.kind === 'mysql') {
      await within(patience, database.query(statement('select 1')));
      return 'MySQL and MariaDB pass no messages between processes';
    }
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

/** @throws UsageError */
async function fleetOf({ url }: Address, { channel }: Settings): Promise<FleetBus> {
  const { postgresFleet } = await packaged('pg', () => import('../../inspector/postgres/index.ts'));
  return accepted(() => postgresFleet({ connectionString: url, channel }));
}

/** @throws UsageError, InspectorNotStartedError */
async function start(database: Database, { port, host }: Settings, fleet: FleetBus | undefined): Promise<Inspector> {
  return await accepted(() => startInspector(database, { name: 'sluice inspect', sessions: true, port, host, fleet }));
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

function introduction(target: string, { channel }: Settings, obstacle: string | undefined): string {
  const shown =
    obstacle === undefined
      ? `its sessions, and the processes that have joined the fleet on its channel ${harmless(channel)}`
      : `its sessions alone, since ${obstacle}`;
  return `${target}: ${shown}. Who has the URL may look. Stop with SIGINT or SIGTERM.`;
}

async function showUntilStopped(inspector: Inspector, text: string): Promise<void> {
  const stopped = untilStopped();
  console.error(wrapped(text));
  console.log(inspector.url);
  await stopped;
  await within(patienceAtEnd, inspector.close()).catch(() => {});
}
