import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { signal } from '../settled.ts';
import { lock, staging, type Stage } from './staging.ts';

/** A transaction that holds a row awaits a server that does not answer, and another one wants the row. */
export const foreignWait: Stage = staging(async ({ open, run, atEnd }) => {
  const silent = createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as AddressInfo;
  const stop = new AbortController();
  atEnd(() => {
    stop.abort();
    silent.closeAllConnections();
    silent.close();
  });
  const database = open({}, { foreignWaits: 'warn' });
  const locked = signal();
  const body = async (): Promise<void> => {
    await lock(database, 1);
    locked.fire();
    await fetch(`http://127.0.0.1:${port}/rate`, { signal: stop.signal });
  };
  run(database.transaction(body, { name: 'rates' }));
  await locked.promise;
  run(database.transaction(() => lock(database, 1), { name: 'order' }));
  return {
    kind: 'held',
    members: ['order', 'rates'],
    // Who waits has a connection of the same pool, for which no one waits.
    text: [
      /"rates" holds up others for [\d.]+ m?s\.\n/,
      'held by "rates"',
      `waits for GET http://127.0.0.1:${port} for`,
    ],
  };
});
