// Runs one job, closes everything, and ends when nothing keeps it: with 0, or with 3 where something does.
import { createDatabase } from '../../../src/index.ts';
import { postgres } from '../../../src/drivers/postgres/index.ts';
import { createOutboxTables } from '../../../src/outbox/index.ts';
import { bullmq } from '../../../src/queue/engines/bullmq/index.ts';
import { createJobs, defineQueue } from '../../../src/queue/index.ts';

const [connectionString, connection = '', prefix] = process.argv.slice(2);
/** Longer than a busy machine takes to end, and shorter than any timer that was left running, in milliseconds. */
const patience = 10_000;

const database = createDatabase({ clients: { default: postgres({ connectionString }) } });
await createOutboxTables(database.current);
const mail = defineQueue<number, number>('mail');
const jobs = createJobs(database, { engine: bullmq({ connection, prefix }), queues: { mail } });
jobs.worker().handle(mail, (number) => number + 1);
if ((await jobs.queues.mail.pushAsync(1)) !== 2) throw new Error('the job had another answer');
await jobs.obliterate();
await jobs.close();
await database.close();
setTimeout(() => {
  console.error('still alive, kept by', process.getActiveResourcesInfo());
  process.exit(3);
}, patience).unref();
