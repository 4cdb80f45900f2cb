import { openDatabase } from './settings.ts';
import { setUp } from './tables.ts';

for (const service of ['stock', 'shop'] as const) {
  const database = openDatabase(service);
  await setUp(database, service);
  await database.close();
}
