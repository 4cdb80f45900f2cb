import { serve } from '@hono/node-server';
import { shutdown } from 'sluice/http';
import { createApp } from './app.ts';
import { relayReceipts } from './receipts.ts';
import { openShop } from './shop.ts';
import { setUp } from './tables.ts';

const shop = openShop();
await setUp(shop);
const relay = relayReceipts(shop, process.env['MAIL_URL'] ?? 'http://127.0.0.1:8025/receipts');
relay.start();
const app = createApp(shop);
const server = serve({ fetch: app.fetch, port: Number(process.env['PORT'] ?? 3000) }, ({ port }) =>
  console.log(`http://localhost:${port}`),
);
// The requests that have begun are answered, then what they use is closed.
process.on('SIGTERM', () => void shutdown(shop.database, { server, relay }));
