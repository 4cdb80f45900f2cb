import { openDatabase, secret } from './settings.ts';
import { shopService } from './shop.ts';

const stockUrl = process.env['STOCK_URL'] ?? 'http://127.0.0.1:3001';
const app = await shopService(openDatabase('shop'), { stockUrl, secret });
await app.listen({ port: Number(process.env['PORT'] ?? 3000) });
process.on('SIGTERM', () => void app.close());
