import { signal } from '../settled.ts';
import { lock, staging, type Stage } from './staging.ts';

/** A pool of one, without levels: a transaction awaits what another chain does, a loader, which wants the only connection. */
export const pool: Stage = staging(async ({ open, run }) => {
  const database = open({ max: 1, maxLevel: 0 });
  const asked = signal();
  const loaded = asked.promise.then(() => database.query('select id from product'));
  const body = async (): Promise<void> => {
    await lock(database, 1);
    asked.fire();
    await loaded;
  };
  run(database.transaction(body, { name: 'checkout' }));
  run(loaded);
  return {
    kind: 'held',
    members: ['single statement', 'checkout'],
    text: [
      'transaction "checkout" holds up others',
      'waits for a connection of client "default"',
      'waits for the program',
    ],
  };
});
