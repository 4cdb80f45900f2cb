import { createDatabase, type Database } from '../src/index.ts';
import { postgres } from '../src/drivers/postgres/index.ts';
import { bullmq } from '../src/queue/engines/bullmq/index.ts';
import { createJobs, defineQueue, type Jobs } from '../src/queue/index.ts';
import { pgBoss } from '../src/queue/engines/pg-boss/index.ts';

/** What the processes of the benchmark have to agree on. */
export interface JobsArenaSettings {
  readonly connectionString: string;
  readonly redisUrl: string | undefined;
  /** A schema and prefix of the run's own. */
  readonly scope: string;
}

const echo = defineQueue<number, number>('echo');
const update = defineQueue<number, number>('update');
const bulk = defineQueue<{ orderId: number }, void>('bulk');
const queues = { echo, update, bulk };
export type BenchJobs = Jobs<typeof queues>;

export interface JobsArena {
  readonly database: Database<'default'>;
  readonly queues: typeof queues;
  /** The jobs by the name of their engine. */
  readonly engines: Readonly<Record<string, BenchJobs>>;
}

export function openJobsArena({ connectionString, redisUrl, scope }: JobsArenaSettings, relay = false): JobsArena {
  const database = createDatabase({ clients: { default: postgres({ connectionString, max: 10 }) } });
  const open = (engine: Parameters<typeof createJobs>[1]['engine']): BenchJobs =>
    createJobs(database, { engine, queues, relay });
  return {
    database,
    queues,
    engines: {
      'pg-boss': open(pgBoss({ connectionString, schema: scope })),
      ...(redisUrl === undefined ? {} : { BullMQ: open(bullmq({ connection: redisUrl, prefix: scope })) }),
    },
  };
}
