// A worker that is killed with its first job: before the commit of its effects, or between that and the acknowledgement.
import { subscribe } from 'node:diagnostics_channel';
import { channelNames, type TransactionEndEvent } from '../../../src/index.ts';
import { charge, openShop, settingsFromParent } from './shop-jobs.ts';

const dieAt = process.argv[3];
const { database, jobs } = await openShop(settingsFromParent());
const die = (): void => void process.kill(process.pid, 'SIGKILL');

if (dieAt === 'after commit') {
  subscribe(channelNames.transactionEnd, (event) => {
    const { transaction, outcome } = event as TransactionEndEvent;
    if (transaction === 'job charge' && outcome === 'committed') die();
  });
}
jobs.worker().handle(charge, async ({ orderId }) => {
  await database.current.query('insert into payment (order_id) values ($1)', [orderId]);
  if (dieAt === 'before commit') die();
  return `paid ${orderId}`;
});
