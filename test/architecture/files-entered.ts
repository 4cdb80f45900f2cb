// Prints through how many files of src a call goes: those of which any function runs.
import { Session } from 'node:inspector/promises';
import { createCache } from '../../src/cache/index.ts';
import { createDatabase } from '../../src/index.ts';
import { postgres } from '../../src/drivers/postgres/index.ts';
import { createJobs, defineQueue, memory } from '../../src/queue/index.ts';

const src = new URL('../../src/', import.meta.url).href;
const database = createDatabase({ clients: { default: postgres({ connectionString: process.argv[2] }) } });
const jobs = createJobs(database, { queues: { mail: defineQueue<number>('mail') }, engine: memory() });
const cache = createCache<number, string>(database, { name: 'stock' });
const insert = async (): Promise<unknown> => await database.query(`insert into product (id) values (nextval('ids'))`);
const calls = {
  statement: () => database.transaction(insert),
  push: () =>
    database.transaction(async () => {
      await insert();
      await jobs.queues.mail.push(1);
    }),
  cache: () =>
    database.transaction(async () => {
      await insert();
      await cache.del('a');
    }),
};

const session = new Session();
session.connect();
await session.post('Profiler.enable');
await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });

async function filesEntered(call: () => Promise<unknown>): Promise<readonly string[]> {
  // What is done once for a process or a connection is no part of a call.
  for (let warm = 0; warm < 5; warm += 1) await call();
  await session.post('Profiler.takePreciseCoverage');
  await call();
  const { result } = await session.post('Profiler.takePreciseCoverage');
  return result
    .filter(({ url, functions }) => url.startsWith(src) && functions.some(({ ranges }) => (ranges[0]?.count ?? 0) > 0))
    .map(({ url }) => url.slice(src.length))
    .toSorted();
}

const entered: Record<string, readonly string[]> = {};
for (const [name, call] of Object.entries(calls)) entered[name] = await filesEntered(call);
session.disconnect();
await jobs.close();
await database.close();
process.stdout.write(JSON.stringify(entered));
