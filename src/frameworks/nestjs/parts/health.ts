import { runInFrame } from '../../../context/index.ts';
import { type Check, label, milliseconds, readOptions } from '../../../core/index.ts';
import { type Database, internalsOf } from '../../../database/index.ts';
import { databaseNamed, type OpenParts } from './open-parts.ts';
import { defaultName } from './tokens.ts';

/** Options of a look at a database. */
export interface PingOptions {
  /** The database, as in `SluiceModule.forRoot({ name })`. Default: the one without a name. */
  readonly database?: string | undefined;
  /** The client. Default: all of the database. */
  readonly clientName?: string | undefined;
  /** Milliseconds after which a client that has not answered is down. Default 1,000. */
  readonly timeout?: number | undefined;
}

/** What a look at a client has found. */
export interface ClientHealth {
  /** Whether it has answered. */
  readonly status: 'up' | 'down';
  /** How many connections are in use. */
  readonly used: number;
  /** How many requests wait for a connection. */
  readonly waiting: number;
  /** The code of the error, of one that is down. */
  readonly error?: string;
}

/** What a look at a database has found: what Terminus calls the result of a health indicator. */
export type DatabaseHealth<Key extends string> = Record<
  Key,
  {
    /** `down` where a client is, and as soon as the application is about to end. */
    readonly status: 'up' | 'down';
    /** The clients by name. */
    readonly clients: Readonly<Record<string, ClientHealth>>;
  }
>;

const checks: Record<keyof PingOptions, Check> = {
  database: label(200),
  clientName: label(200),
  timeout: milliseconds(1),
};

/**
 * Looks whether databases answer, for `@nestjs/terminus` or a controller of yours. The look has a connection of its own, apart from
 * those of the program, so a pool in full use does not count as down.
 *
 * ```ts
 * async function ready(health: SluiceHealthIndicator) {
 *   return await health.pingCheck('database', { timeout: 500 });
 * }
 * ```
 */
export class SluiceHealthIndicator {
  readonly #parts: OpenParts;

  constructor(parts: OpenParts) {
    this.#parts = parts;
  }

  /**
   * Sends a statement to each client. Never rejects because of a server: what is down is in the result, which is what Terminus
   * wants.
   * @param key the name in the result
   * @throws UnknownDatabaseError, UnknownClientError, InvalidOptionError
   */
  async pingCheck<Key extends string>(key: Key, options: PingOptions = {}): Promise<DatabaseHealth<Key>> {
    const { database: name = defaultName, clientName, timeout = 1_000 } = readOptions('pingCheck', options, checks);
    const database = databaseNamed(this.#parts, name, 'pingCheck');
    const clientNames = clientName === undefined ? Object.keys(database.stats().clients) : [clientName];
    const found = await Promise.all(
      clientNames.map(async (each) => [each, await ping(database, each, timeout)] as const),
    );
    const isUp = !this.#parts.isEnding && found.every(([, { status }]) => status === 'up');
    const health = { status: isUp ? 'up' : 'down', clients: Object.fromEntries(found) } as const;
    return { [key]: health } as DatabaseHealth<Key>;
  }
}

/** In nothing that is ambient, and at the deepest level, where a connection is kept for those who hold others. */
async function ping(database: Database, clientName: string, timeout: number): Promise<ClientHealth> {
  const db = database.getDb({ clientName, level: internalsOf(database).maxLevel });
  const look = (): Promise<unknown> =>
    db.transaction.begin(() => db.query('select 1'), { name: 'health check', timeout });
  const error = await runInFrame(undefined, look, undefined).then(
    () => undefined,
    (thrown: unknown) => codeOf(thrown),
  );
  const { used = 0, waiting = 0 } = database.stats().clients[clientName] ?? {};
  return error === undefined ? { status: 'up', used, waiting } : { status: 'down', used, waiting, error };
}

/** The message of an error may have more in it than everybody is to read. */
function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return typeof code === 'string' ? code : 'UNKNOWN';
}
