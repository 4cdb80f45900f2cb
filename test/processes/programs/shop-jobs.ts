import { flushCompileCache } from 'node:module';
import { postgres } from '../../../src/drivers/postgres/index.ts';
import { createDatabase, type Database } from '../../../src/index.ts';
import { createJobs, defineQueue, type Jobs, type QueueEngineFactory } from '../../../src/queue/index.ts';

/** What a program of these tests is told by its parent. */
export interface Settings {
  readonly engine: 'pg-boss' | 'bullmq';
  readonly url: string;
  readonly redisUrl: string;
  readonly redisPrefix: string;
  /** Keeps the jobs of a test apart from those of others. */
  readonly scope: string;
}

export const charge = defineQueue<{ orderId: number }, string>('charge', { timeout: 90_000 });
export const book = defineQueue<{ orderId: number }, void>('book', { concurrency: 8 });

/** Loads the one engine that is used: half of what it takes to start a process is to load them. */
async function engineOf({ engine, url, redisUrl, redisPrefix, scope }: Settings): Promise<QueueEngineFactory> {
  if (engine === 'pg-boss') {
    const { pgBoss } = await import('../../../src/queue/engines/pg-boss/index.ts');
    return pgBoss({ connectionString: url, schema: `boss_${scope}`, pollInterval: 200 });
  }
  const { bullmq } = await import('../../../src/queue/engines/bullmq/index.ts');
  return bullmq({ connection: redisUrl, prefix: redisPrefix, lostAfter: 1_000 });
}

export async function openShop(
  settings: Settings,
  max = 4,
  relay = true,
): Promise<{ database: Database<'default'>; jobs: Jobs<{ charge: typeof charge; book: typeof book }> }> {
  const engine = await engineOf(settings);
  // Else what was compiled is kept when a process exits, which those that are killed never do.
  flushCompileCache();
  const database = createDatabase({ clients: { default: postgres({ connectionString: settings.url, max }) } });
  return { database, jobs: createJobs(database, { engine, queues: { charge, book }, relay }) };
}

export function settingsFromParent(): Settings {
  return JSON.parse(process.argv[2] ?? '') as Settings;
}

export function settingsFromEnvironment(): Settings {
  return JSON.parse(process.env['SHOP_SETTINGS'] ?? '') as Settings;
}
