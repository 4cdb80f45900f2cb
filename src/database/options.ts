import {
  aFunction,
  anObject,
  readOptions,
  type Check,
  type Checks,
  type Clock,
  entriesByName,
  integer,
  InvalidOptionError,
  isRecord,
  label,
  reading,
  text,
  refuseOtherVersion,
  withMethods,
  milliseconds,
  oneOf,
  refuseUncalled,
} from '../core/index.ts';
import type { ClientDefinition } from '../driver/index.ts';
import type { ForeignWaits } from '../foreign-waits/index.ts';

/** Options of `createDatabase`. */
export interface DatabaseOptions<Name extends string = string> {
  /** The datasources by name. */
  readonly clients: Readonly<Record<Name, ClientDefinition>>;
  /** The client that is current where nothing else was said. Default: `default`, or the only one. */
  readonly defaultClient?: NoInfer<Name> | undefined;
  /** How many hooks the hooks of one transaction may register in turn. Default 1,000. */
  readonly hookLimit?: number | undefined;
  /**
   * Milliseconds after which a statement is checked for waiting on a lock that its own chain holds, where a transaction of
   * the chain may be waiting for it; `false`: never. Default 100.
   */
  readonly lockProbeAfter?: number | false | undefined;
  /**
   * What becomes of a transaction that a library begins on an ambient pool without being bound, so that what is sent by others
   * does not join it: `warn` gives a process warning once for each library, `error` refuses it with an `UnboundLibraryError`
   * before anything is sent, which is for tests, and `allow` lets it be. Default `warn`.
   */
  readonly unbound?: 'warn' | 'error' | 'allow' | undefined;
  /**
   * What becomes of a call to another server or program that a transaction makes while it holds a connection: `warn` gives a
   * process warning once for each place, `error` rolls the transaction back with a `ForeignWaitError`, which is for tests, and
   * `off` looks for none. Default `warn`, and `off` where `NODE_ENV` is `production`.
   */
  readonly foreignWaits?: ForeignWaits | undefined;
  /**
   * Milliseconds after which a transaction that holds a connection and has sent nothing is named, once, by a process warning
   * and an event; 0: never. Default 0.
   */
  readonly idleWarning?: number | undefined;
  /** The time, for tests that replay a run. */
  readonly clock?: Clock | undefined;
  /** From 0 to 1, for the jitter of pauses; for tests that replay a run. */
  readonly random?: (() => number) | undefined;
}

const aDriver = withMethods('connect', 'classifyConnect', 'isolation', 'fulfils', 'inspect', 'quoteName');
const aDefinition: Checks = { driver: aDriver, pool: anObject, settings: aFunction };

const checks: Record<keyof DatabaseOptions, Check> = {
  clients: entriesByName,
  defaultClient: text(200),
  hookLimit: integer(1, 1_000_000),
  lockProbeAfter: (value) => {
    const expected = value === false ? undefined : milliseconds(1)(value);
    return expected === undefined ? undefined : `false, or ${expected}`;
  },
  unbound: oneOf(['warn', 'error', 'allow']),
  foreignWaits: oneOf(['warn', 'error', 'off']),
  idleWarning: milliseconds(0),
  clock: withMethods('now', 'setTimer'),
  random: aFunction,
};

/** Reads the options of `createDatabase` and finds the default client. @throws InvalidOptionError */
export function readDatabaseOptions(options: DatabaseOptions): DatabaseOptions & { readonly defaultClient: string } {
  reading('createDatabase', () => refuseUnnamed(options));
  const read = readOptions('createDatabase', options, checks);
  reading('createDatabase', () => refuseUnnamed(read.clients));
  const names = Object.keys(read.clients ?? {});
  if (names.length === 0)
    throw invalid('createDatabase got no clients', 'Give at least one, as clients: { default: postgres(...) }');
  const clients = Object.fromEntries(names.map((name) => [name, definitionOf(name, read.clients[name])]));
  return { ...read, clients, defaultClient: defaultAmong(names, read.defaultClient) };
}

/** A client alone, where clients by name are wanted. @throws InvalidOptionError */
function refuseUnnamed(given: unknown): void {
  if (!isRecord(given) || aDriver(given['driver']) !== undefined) return;
  throw invalid(
    'createDatabase got a client in place of clients by name',
    'Give it a name: createDatabase({ clients: { default: postgres(...) } })',
  );
}

function definitionOf(name: string, definition: unknown): ClientDefinition {
  const wrong = label(200)(name);
  if (wrong !== undefined) throw invalid('createDatabase got a client with a name that cannot be', `Give ${wrong}`);
  refuseOtherVersion('createDatabase', 'a client', definition);
  refuseUncalled('createDatabase', name, definition);
  if (typeof definition !== 'object' || definition === null || !('driver' in definition) || !('pool' in definition)) {
    throw invalid(`The client "${name}" is not defined by a driver`, 'Give what postgres(...) returns');
  }
  const read = readOptions(`The client "${name}"`, definition as ClientDefinition, aDefinition);
  if (read.settings === undefined || read.driver.settings !== undefined) return read;
  throw invalid(
    `The client "${name}" has settings by context, which its driver (${read.driver.dialect}) does not have`,
    'Leave "settings" out, or use a client on PostgreSQL, MariaDB or MySQL',
  );
}

function defaultAmong(names: readonly string[], given: string | undefined): string {
  const chosen = given ?? (names.includes('default') || names.length > 1 ? 'default' : names[0]);
  if (chosen !== undefined && names.includes(chosen)) return chosen;
  throw invalid(
    'createDatabase does not know which client is the default',
    `Give defaultClient as one of: ${names.join(', ')}`,
  );
}

function invalid(what: string, remedy: string): InvalidOptionError {
  return new InvalidOptionError({ what, remedy });
}
