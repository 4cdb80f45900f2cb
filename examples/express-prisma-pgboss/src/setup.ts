import { openShop } from './shop.ts';
import { setUp } from './tables.ts';

const { database } = openShop();
await setUp(database);
await database.close();
