import type { AddressInfo } from 'node:net';
import { shutdown } from 'sluice/http';
import { createApp } from './app.ts';
import { openShop } from './shop.ts';

const shop = openShop();
const server = createApp(shop).listen(Number(process.env['PORT'] ?? 3000), (error) => {
  if (error !== undefined) throw error;
  console.log(`http://localhost:${(server.address() as AddressInfo).port}`);
});
// The requests that have begun are answered, then what they use is closed.
process.on('SIGTERM', () => void shutdown(shop.database, { server, jobs: shop.jobs }));
