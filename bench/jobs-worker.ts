// The other process of the benchmark of jobs: answers whatever asks.
import { Worker } from 'bullmq';
import { type JobsArenaSettings, openJobsArena } from './jobs-arena.ts';

const settings = JSON.parse(process.argv[2] ?? '') as JobsArenaSettings;
const { database, engines, queues } = openJobsArena(settings);
for (const jobs of Object.values(engines)) {
  await jobs
    .worker()
    .handle(queues.echo, (data) => data, { concurrency: 16 })
    .handle(
      queues.update,
      async (id) => {
        await database.current.query('update sluice_bench_jobs set value = value + 1 where id = $1', [id]);
        return id;
      },
      { concurrency: 16 },
    )
    .ready();
}
const own =
  settings.redisUrl === undefined
    ? undefined
    : new Worker<number, number>('echo', async ({ data }) => await Promise.resolve(data), {
        connection: { url: settings.redisUrl, maxRetriesPerRequest: null },
        prefix: `${settings.scope}-own`,
        concurrency: 16,
      });
await own?.waitUntilReady();

process.once('disconnect', () => {
  void (async () => {
    await own?.close();
    await Promise.all(Object.values(engines).map((jobs) => jobs.close({ timeout: 1_000 })));
    await database.close();
  })();
});
process.send?.('ready');
