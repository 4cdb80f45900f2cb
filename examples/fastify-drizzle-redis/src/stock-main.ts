import { openDatabase, openRedis, secret } from './settings.ts';
import { stockService } from './stock.ts';

const redis = openRedis();
const app = await stockService(openDatabase('stock'), { redis, secret });
await app.listen({ port: Number(process.env['PORT'] ?? 3001) });
process.on('SIGTERM', () => void app.close().then(() => redis.disconnect()));
