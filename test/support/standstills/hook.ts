import { beforeCommit, Propagation } from '../../../src/index.ts';
import { lock, staging, type Stage } from './staging.ts';

/** A hook before the commit begins a transaction of its own, which wants a row of the one that it holds up. */
export const hook: Stage = staging(async ({ open, run }) => {
  const database = open();
  const audit = (): Promise<void> =>
    database.transaction(() => lock(database, 1), { name: 'audit', propagation: Propagation.REQUIRES_NEW });
  const body = async (): Promise<void> => {
    await lock(database, 1);
    beforeCommit(audit);
  };
  run(database.transaction(body, { name: 'order' }));
  return {
    kind: 'circle',
    members: ['order', 'audit'],
    text: ['2 wait for each other in a circle', 'waits for its beforeCommit hook', 'held by "order"'],
  };
});
