import {
  aFunction,
  anObject,
  checkOptions,
  type Checks,
  type Clock,
  integer,
  InvalidOptionError,
  longestTimer,
  text,
} from '../core/index.ts';
import type { ClientDefinition } from '../driver/index.ts';

export interface DatabaseOptions<Name extends string = string> {
  /** The datasources by name. */
  readonly clients: Readonly<Record<Name, ClientDefinition>>;
  /** The client that is current where nothing else was said. Default: `default`, or the only one. */
  readonly defaultClient?: NoInfer<Name> | undefined;
  /** How many hooks the hooks of one transaction may register in turn. Default 1,000. */
  readonly hookLimit?: number | undefined;
  /**
   * Milliseconds after which a statement that somebody of its own chain may be waiting for is checked for a lock
   * that its own chain holds; `false`: never. Default 100.
   */
  readonly lockProbeAfter?: number | false | undefined;
  /** The time, for tests that replay a run. */
  readonly clock?: Clock | undefined;
  /** From 0 to 1, for the jitter of pauses; for tests that replay a run. */
  readonly random?: (() => number) | undefined;
}

const checks: Checks = {
  clients: anObject,
  defaultClient: text(200),
  hookLimit: integer(1, 1_000_000),
  lockProbeAfter: (value) => (value === false ? undefined : integer(1, longestTimer)(value)),
  clock: anObject,
  random: aFunction,
};

/** Checks the options of `createDatabase` and finds the default client. @throws InvalidOptionError */
export function checkDatabaseOptions(options: DatabaseOptions): string {
  checkOptions('createDatabase', options, checks);
  const names = Object.keys(options.clients ?? {});
  if (names.length === 0)
    throw invalid('createDatabase got no clients', 'Give at least one, as clients: { default: postgres(...) }');
  for (const name of names) {
    const definition: unknown = options.clients[name];
    if (typeof definition !== 'object' || definition === null || !('driver' in definition) || !('pool' in definition)) {
      throw invalid(`The client "${name}" is not defined by a driver`, 'Give what postgres(...) returns');
    }
  }
  const chosen = options.defaultClient ?? (names.includes('default') ? 'default' : names[0]);
  if (
    chosen === undefined ||
    !names.includes(chosen) ||
    (options.defaultClient === undefined && chosen !== 'default' && names.length > 1)
  ) {
    throw invalid(
      'createDatabase does not know which client is the default',
      `Give defaultClient as one of: ${names.join(', ')}`,
    );
  }
  return chosen;
}

function invalid(what: string, remedy: string): InvalidOptionError {
  return new InvalidOptionError({ what, remedy });
}
