import { Propagation } from '../../../src/index.ts';
import { signal } from '../settled.ts';
import { lock, staging, type Stage } from './staging.ts';

/** A savepoint awaits a statement of its parent, as of a batching loader, which has to wait for the end of the savepoint. */
export const savepoint: Stage = staging(async ({ open, run }) => {
  const database = open();
  const body = async (): Promise<void> => {
    await lock(database, 1);
    const asked = signal();
    const loaded = asked.promise.then(() => lock(database, 2));
    const line = async (): Promise<void> => {
      asked.fire();
      await loaded;
    };
    await database.transaction(line, { propagation: Propagation.NESTED, name: 'line' });
  };
  run(database.transaction(body, { name: 'order' }));
  return {
    kind: 'held',
    members: ['order', 'line'],
    text: ['savepoint "line" holds up others', 'waits for the end of the savepoint "line" inside of it'],
  };
});
