import { awaitedJob } from './awaited-job.ts';
import { crossedClients } from './crossed-clients.ts';
import { awaitedJobElsewhere, workerLanesElsewhere } from './elsewhere.ts';
import { exhaustedServer } from './exhausted-server.ts';
import { foreignWait } from './foreign-wait.ts';
import { hook } from './hook.ts';
import { neverEnded } from './never-ended.ts';
import { pool } from './pool.ts';
import { savepoint } from './savepoint.ts';
import type { Stage } from './staging.ts';
import { unboundLibrary } from './unbound-library.ts';
import { workerLanes } from './worker-lanes.ts';

export { isAsExpected, type Staged } from './staging.ts';

/** Ten standstills, two of them over two processes, too. Each goes on until it is ended. */
export const standstills: Readonly<Record<string, Stage>> = {
  'a pool without levels': pool,
  'a row lock and an awaited job': awaitedJob,
  'a row lock and an awaited job of another process': awaitedJobElsewhere,
  'two clients, crossed': crossedClients,
  'a lane without a free slot': workerLanes,
  'a lane of another process without a free slot': workerLanesElsewhere,
  'a savepoint that waits for its parent': savepoint,
  'a hook that waits': hook,
  'a wait for another server': foreignWait,
  'a library that is not bound': unboundLibrary,
  'a transaction that no one ends': neverEnded,
  'a server that is exhausted': exhaustedServer,
};
