// Awaits a job in the middle of a transaction, and is killed there.
import { openShop, settingsFromParent } from './shop-jobs.ts';

const { database, jobs } = await openShop(settingsFromParent());
await database.transaction(async () => {
  await database.current.query('insert into placed (order_id) values (1)');
  await jobs.queues.charge.pushAsync({ orderId: 1 });
});
