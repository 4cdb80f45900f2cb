import pg from 'pg';
import { runUnwatched } from '../../../core/index.ts';
import { type ClientInternals, internalsOf } from './pg-types.ts';

/** The longest that a cancel request, or a goodbye, may take. In milliseconds. */
const limit = 2_000;

interface CancelConnection {
  readonly stream: { destroy(): unknown };
  connect(portOrPath: number | string, host?: string): void;
  requestSsl(): void;
  cancel(processID: number, secretKey: number): void;
  once(event: 'connect' | 'sslconnect' | 'end', listener: () => void): void;
  on(event: 'error', listener: (error: unknown) => void): void;
}

/** Connections as pg makes them for its own clients; the types know no options of theirs. */
const Connection = pg.Connection as unknown as new (options: object) => CancelConnection;

/**
 * Asks the server to cancel what the client is running. Resolves when the server has closed the
 * request's connection: the signal is sent by then. A request that cannot be made is given up: the
 * statement goes on, and its caller has a time limit of its own.
 */
export function cancelRunning(client: pg.Client): Promise<void> {
  const { processID, secretKey } = internalsOf(client);
  const { host, port, ssl } = client;
  // pg keeps it, and does not publish it in its types.
  const { sslNegotiation } = client as unknown as { readonly sslNegotiation: string };
  const connection = new Connection({ ssl, sslNegotiation });
  const asksForTls = ssl && sslNegotiation !== 'direct';
  return new Promise((resolve) => {
    const timer = setTimeout(() => connection.stream.destroy(), limit);
    const finish = (): void => {
      clearTimeout(timer);
      resolve();
    };
    connection.on('error', finish);
    connection.once('end', finish);
    connection.once('connect', () => {
      if (asksForTls) connection.requestSsl();
      else if (!ssl) connection.cancel(processID, secretKey);
    });
    connection.once('sslconnect', () => connection.cancel(processID, secretKey));
    runUnwatched(() => {
      if (host.startsWith('/')) connection.connect(`${host}/.s.PGSQL.${port}`);
      else connection.connect(port, host);
    });
  });
}

/** Says goodbye and resolves when the server has closed the connection too, or cuts it after a while. */
export async function endClient(client: pg.Client): Promise<void> {
  const { connection }: ClientInternals = internalsOf(client);
  const cut = (): unknown => connection.stream.destroy();
  const timer = setTimeout(cut, limit);
  try {
    // For one that was lost before there is no event any longer: this resolves at once.
    await client.end();
  } catch {
    cut();
  } finally {
    clearTimeout(timer);
  }
}
