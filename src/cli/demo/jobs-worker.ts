// A worker process of the demo: a pool of one, and one slot for each queue and level.
import { charge, depth, type JobsSettings, nest, openJobs } from './jobs-shop.ts';

const { database, jobs } = openJobs(JSON.parse(process.argv[2] ?? '') as JobsSettings);

const worker = jobs
  .worker()
  .handle(charge, async ({ accountId }) => {
    await database.current.query('update account set balance = balance - 1 where id = $1', [accountId]);
    const { rows } = await database.current.query<{ balance: number }>('select balance from account where id = $1', [
      accountId,
    ]);
    return rows[0]?.balance ?? 0;
  })
  .handle(nest, async ({ depth: at, level, timeout }) => {
    await database.current.query('insert into visit (depth) values ($1)', [at]);
    if (at === depth) return at;
    const options = { timeout, ...(level === undefined ? {} : { dbInfo: { level } }) };
    return await jobs.queues.nest.pushAsync(
      { depth: at + 1, timeout, ...(level === undefined ? {} : { level }) },
      options,
    );
  });

await worker.ready();
process.send?.('ready');

async function end(): Promise<void> {
  await jobs.close({ timeout: 1_000 });
  await database.close({ timeout: 1_000 });
}
// The parent asks, or is gone.
process.once('message', () => void end().then(() => process.disconnect()));
process.once('disconnect', () => void end());
