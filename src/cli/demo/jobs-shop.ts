import { createDatabase, type Database } from '../../index.ts';
import { bullmq } from '../../queue/engines/bullmq/index.ts';
import {
  createJobs,
  defineQueue,
  type Jobs,
  type QueueDefinition,
  type QueueEngineFactory,
} from '../../queue/index.ts';
import { engineOf, type Place } from './engines.ts';
import { pgBoss } from '../../queue/engines/pg-boss/index.ts';

/** What the processes of the demo have to agree on. */
export interface JobsSettings {
  /** The tables of pg-boss are in another schema of the same database. */
  readonly place: Place;
  /** BullMQ is used where there is a Redis, and pg-boss otherwise. */
  readonly redisUrl: string | undefined;
}

export interface ChargeData {
  readonly orderId: number;
  readonly accountId: number;
}

/** Charges an account: in another process, in a transaction of its own. */
export const charge: QueueDefinition<ChargeData, number> = defineQueue('charge', { timeout: 30_000 });

export interface NestData {
  readonly depth: number;
  /** Instead of the one that Sluice would give. */
  readonly level?: number;
  readonly timeout: number;
}

/** Awaits a job of its own queue until it is deep enough. */
export const nest: QueueDefinition<NestData, number> = defineQueue('nest', {
  timeout: 30_000,
});
export const depth = 3;

export type ShopJobs = Jobs<{ charge: typeof charge; nest: typeof nest }>;

/** Opens what a process of the demo works with: a pool of one, and the queues. */
export function openJobs(
  { place, redisUrl }: JobsSettings,
  options: { readonly enqueueTimeout?: number } = {},
): { database: Database; jobs: ShopJobs } {
  const database = createDatabase({
    clients: { default: engineOf(place).client(place, { max: 1 }) },
  });
  const engine: QueueEngineFactory =
    redisUrl === undefined
      ? pgBoss({ connectionString: place.connectionString, schema: `${place.name}_boss` })
      : bullmq({ connection: redisUrl, prefix: place.name });
  return { database, jobs: createJobs(database, { ...options, engine, queues: { charge, nest } }) };
}
