import { InvalidOptionError, reading, readOptions, withMethods } from '../../../core/index.ts';
import type { TypeParsers } from '../wire/pg-types.ts';

/** Options of `createAmbientPool`. */
export interface AmbientPoolOptions {
  /** Type parsers of this pool's results alone, in place of those of the client. */
  readonly types?: TypeParsers | undefined;
}

const ofClient = "Connections are the client's: give postgres() ";
const place = `${ofClient}what it is to connect to`;

/** What a pool of pg takes, and what stands in its place. */
const remedies: ReadonlyMap<string, string> = new Map([
  ['max', `${ofClient}"max"`],
  ['poolSize', `${ofClient}"max"`],
  ['min', 'Leave it out: connections are opened as they are needed, and kept for the "idleTimeout" of postgres()'],
  ['maxUses', `${ofClient}"maxLifetime", which renews connections by their age`],
  ['maxLifetimeSeconds', `${ofClient}"maxLifetime", in milliseconds`],
  ['idleTimeoutMillis', `${ofClient}"idleTimeout"`],
  ['connectionTimeoutMillis', `${ofClient}"acquireTimeout"`],
  ['allowExitOnIdle', 'Leave it out, and close() the database at the end'],
  ['onConnect', "Listen to 'connect' of the pool: what is sent there is answered before the connection is used"],
  ['verify', "Listen to 'connect' of the pool: what is sent there is answered before the connection is used"],
  ['log', 'Subscribe to the channels of Sluice, or to the events of the pool'],
  ['Client', 'Leave it out: connections are those of postgres()'],
  ['Promise', 'Leave it out: promises are those of the language'],
  ['connectionString', place],
  ['host', place],
  ['port', place],
  ['user', place],
  ['password', place],
  ['database', place],
  ['ssl', place],
]);

/** @throws InvalidOptionError, which says where an option of pg's own pool belongs */
export function readAmbientPoolOptions(options: AmbientPoolOptions): AmbientPoolOptions {
  const name = reading('ambientPool', () => [...remedies.keys()].find((each) => isIn(each, options)));
  if (name !== undefined) {
    throw new InvalidOptionError({
      what: `ambientPool got "${name}", which is an option of pg's own pool`,
      remedy: remedies.get(name) ?? ofClient,
    });
  }
  return readOptions('ambientPool', options, { types: withMethods('getTypeParser') });
}

function isIn(name: string, options: unknown): boolean {
  return typeof options === 'object' && options !== null && name in options;
}
