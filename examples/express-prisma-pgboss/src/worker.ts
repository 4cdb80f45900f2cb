import { shutdown } from 'sluice/http';
import { handlePayments } from './payments.ts';
import { openShop } from './shop.ts';

const shop = openShop();
handlePayments(shop);
console.log('works');
// The jobs that run end, or go back to the queue.
process.on('SIGTERM', () => void shutdown(shop.database, { jobs: shop.jobs }));
