import { signal } from '../settled.ts';
import { staging, type Stage } from './staging.ts';

/** The server allows one connection less than what is wanted. */
export const exhaustedServer: Stage = staging(async ({ server, open, run, atEnd }) => {
  const user = await server.limitedUser?.(1);
  if (user === undefined) throw new Error('the server has no limits for users');
  const database = open({ connectionString: user.url, max: 3, acquireTimeout: 20_000 });
  atEnd(async () => {
    await database.close({ timeout: 100 });
    await user.drop();
  });
  const opened = signal();
  const go = signal();
  atEnd(() => go.fire());
  const body = async (): Promise<void> => {
    await database.query('select 1');
    opened.fire();
    await go.promise;
  };
  run(database.transaction(body, { name: 'report' }));
  await opened.promise;
  run(database.query('select 2'));
  return {
    kind: 'held',
    members: ['single statement'],
    lack: 'the server',
    text: [
      /the server gives client "default" no connection \(CONNECT_FAILED\) for [\d.]+ m?s\.\n/,
      'waits for a connection of client "default"',
    ],
  };
});
