import type { Connection as Mysql2Connection } from 'mysql2';
import { type Backend, type ConcreteIsolation, IsolationLevel, UnsupportedServerError } from '../../../driver/index.ts';
import { internalsOf } from '../wire/mysql2-types.ts';
import { isSafeCharset } from './options.ts';

/** What is known of the server of a connection. */
export interface ServerInfo {
  /** Product and version. */
  readonly name: string;
  readonly isMariaDb: boolean;
  /** Whether it has `innodb_snapshot_isolation`. */
  readonly hasSnapshots: boolean;
  /** Whether it runs what was just prepared without being told its number, so that both need one trip. */
  readonly runsJustPrepared: boolean;
  /** That of transactions which ask for none. */
  readonly defaultIsolation: ConcreteIsolation;
  /** Whether it took no writes when the connection was opened. */
  readonly wasReadOnly: boolean;
}

const oldest = { MariaDB: [10, 6], MySQL: [8, 0] } as const;

/** The server's own words are `5.5.5-10.11.6-MariaDB-...` or `8.0.36`. */
function versionOf(handshake: string): { readonly product: 'MariaDB' | 'MySQL'; readonly version: readonly number[] } {
  const product = /mariadb/i.test(handshake) ? 'MariaDB' : 'MySQL';
  const numbers = /^(?:5\.5\.5-)?(\d+)\.(\d+)\.(\d+)/.exec(handshake);
  return { product, version: (numbers ?? []).slice(1).map(Number) };
}

/** @throws UnsupportedServerError for a server that is older than what is supported */
export function checkVersion(client: Mysql2Connection): { readonly name: string; readonly isMariaDb: boolean } {
  const { product, version } = versionOf(internalsOf(client)._handshakePacket?.serverVersion ?? '');
  const [major = 0, minor = 0] = version;
  const [oldestMajor, oldestMinor] = oldest[product];
  const name = `${product} ${version.join('.')}`;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor))
    return { name, isMariaDb: product === 'MariaDB' };
  throw new UnsupportedServerError({
    what: `The server is ${name}`,
    remedy: `Use MariaDB ${oldest.MariaDB.join('.')} or newer, or MySQL ${oldest.MySQL.join('.')} or newer`,
  });
}

interface SessionRow {
  readonly id: number;
  readonly host: string;
  readonly port: number;
  readonly mode: string;
  readonly charset: string;
  readonly isolation: string;
  readonly readOnly: unknown;
}

/**
 * Turns `autocommit` off and reads who and how the session is.
 * @throws UnsupportedServerError for a session in which text cannot be quoted safely
 */
export async function openSession(
  client: Mysql2Connection,
): Promise<{ readonly backend: Backend; readonly server: ServerInfo }> {
  const { name, isMariaDb } = checkVersion(client);
  await send(client, 'SET SESSION autocommit = 0');
  const isolation = isMariaDb ? '@@tx_isolation' : '@@transaction_isolation';
  const [row] = (await send(
    client,
    `SELECT CONNECTION_ID() AS id, @@hostname AS host, @@port AS port, @@sql_mode AS mode, @@character_set_client AS charset, ${isolation} AS isolation, @@global.read_only AS readOnly`,
  )) as readonly SessionRow[];
  if (row === undefined) throw new TypeError('the server said nothing of the session');
  checkQuoting(row);
  const snapshots = (await send(client, "SHOW VARIABLES LIKE 'innodb_snapshot_isolation'")) as readonly object[];
  await send(client, 'COMMIT');
  // A proxy that spreads statements over connections has other ids than it says.
  const isDirect = row.id === client.threadId;
  return {
    backend: { id: row.id, startedAt: isDirect ? `${row.host}:${row.port}` : undefined },
    server: {
      name,
      isMariaDb,
      hasSnapshots: snapshots.length > 0,
      runsJustPrepared: isMariaDb,
      defaultIsolation: isolationIn(row.isolation),
      // Text in newer versions of MariaDB, which know more than one kind.
      wasReadOnly: !['0', 'OFF'].includes(String(row.readOnly)),
    },
  };
}

function isolationIn(name: string): ConcreteIsolation {
  const found = Object.values(IsolationLevel).find((level) => level === name.replaceAll('-', '_'));
  return found === undefined || found === 'DEFAULT' ? 'READ_UNCOMMITTED' : found;
}

function checkQuoting({ mode, charset }: SessionRow): void {
  if (!mode.split(',').includes('NO_BACKSLASH_ESCAPES') && isSafeCharset(charset)) return;
  throw new UnsupportedServerError({
    what: `In sessions of this server ${isSafeCharset(charset) ? 'the SQL mode NO_BACKSLASH_ESCAPES is set' : `the character set is ${charset}`}, which changes what quotes and backslashes mean: text that mysql2 quotes could end where it should not`,
    remedy: 'Change the sql_mode, init_connect or character set of the server, or of this user',
  });
}

/** Runs a text. */
export function send(client: Mysql2Connection, text: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    client.query(text, (error, rows) => (error === null ? resolve(rows) : reject(error)));
  });
}
