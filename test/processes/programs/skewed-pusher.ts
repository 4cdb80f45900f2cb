// Awaits a job, with a clock that differs from everybody else's by the milliseconds that it is given.
import process from 'node:process';

const offset = Number(process.argv[3]);
const realNow = Date.now.bind(Date);
Date.now = (): number => realNow() + offset;
const { openShop, settingsFromParent } = await import('./shop-jobs.ts');

const { database, jobs } = await openShop(settingsFromParent());
const answer = await database.transaction(async () => {
  await database.current.query('insert into placed (order_id) values (1)');
  return await jobs.queues.charge.pushAsync({ orderId: 1 }, { timeout: 20_000, delay: 200 });
});
await jobs.close();
await database.close();
process.stdout.write(answer);
