import mysql, { type Connection as Mysql2Connection, type ConnectionOptions } from 'mysql2';
import { runUnwatched } from '../../../core/index.ts';
import type { CurrentSettings } from './login.ts';
import { internalsOf } from '../wire/mysql2-types.ts';

/** The longest that a cancel request, or a goodbye, may take. In milliseconds. */
const limit = 2_000;

/** How a connection is cancelled and ended, for which another one may be needed. */
export interface CancelAndClose {
  /**
   * Ends what a connection is running. Resolves once the request can no longer hit a later statement.
   * @param runsMore whether something else runs by now that is to be ended too
   */
  cancel(threadId: number, runsMore?: () => Promise<boolean>): Promise<void>;
  /** Ends a connection with all that it runs and was sent. */
  cut(threadId: number): Promise<void>;
  end(client: Mysql2Connection): Promise<void>;
}

export function cancelAndClose(current: CurrentSettings): CancelAndClose {
  return {
    cancel: (threadId, runsMore) => kill(current, `QUERY ${threadId}`, runsMore),
    cut: (threadId) => kill(current, `CONNECTION ${threadId}`),
    end: endClient,
  };
}

/**
 * Asks the server from another connection. Resolves when it has done it; a connection that is idle by then is not touched by it
 * where it is its query that is to end. A request that cannot be made is given up: the statement goes on, and its caller
 * has a time limit of its own.
 */
function kill(current: CurrentSettings, what: string, runsMore?: () => Promise<boolean>): Promise<void> {
  return new Promise((resolve) => {
    let client: Mysql2Connection | undefined;
    let isOver = false;
    const finish = (): void => {
      isOver = true;
      clearTimeout(timer);
      // What does not answer says no goodbye either.
      if (client !== undefined) internalsOf(client).stream.destroy();
      resolve();
    };
    const timer = setTimeout(finish, limit);
    const ask = (asked: Mysql2Connection): void => {
      asked.query(`KILL ${what}`, () => {
        if (runsMore === undefined) finish();
        else void runsMore().then((again) => (again && !isOver ? ask(asked) : finish()));
      });
    };
    const send = (settings: ConnectionOptions): void => {
      if (isOver) return;
      client = mysql.createConnection({ ...settings, connectTimeout: limit });
      client.on('error', finish);
      internalsOf(client).stream.once('close', finish);
      ask(client);
    };
    void runUnwatched(() => current().then(send, finish));
  });
}

/** Says goodbye and resolves when the server has closed the connection too, or cuts it after a while. */
export function endClient(client: Mysql2Connection): Promise<void> {
  const { stream } = internalsOf(client);
  if (stream.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(() => stream.destroy(), limit);
    stream.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
    // Whatever it says, the connection is gone when the stream is closed.
    client.end(() => {});
  });
}
