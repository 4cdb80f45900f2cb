import { awaitedJob } from './awaited-job.ts';
import { crossedClients } from './crossed-clients.ts';
import { exhaustedServer } from './exhausted-server.ts';
import { foreignWait } from './foreign-wait.ts';
import { hook } from './hook.ts';
import { neverEnded } from './never-ended.ts';
import { pool } from './pool.ts';
import { savepoint } from './savepoint.ts';
import type { Stage } from './staging.ts';
import { unboundLibrary } from './unbound-library.ts';
import { workerLanes } from './worker-lanes.ts';

export type { Expected } from './staging.ts';

/** Ten standstills, each of which goes on until it is ended. */
export const standstills: Readonly<Record<string, Stage>> = {
  'a pool without levels': pool,
  'a row lock and an awaited job': awaitedJob,
  'two clients, crossed': crossedClients,
  'a lane without a free slot': workerLanes,
  'a savepoint that waits for its parent': savepoint,
  'a hook that waits': hook,
  'a wait for another server': foreignWait,
  'a library that is not bound': unboundLibrary,
  'a transaction that no one ends': neverEnded,
  'a server that is exhausted': exhaustedServer,
};
