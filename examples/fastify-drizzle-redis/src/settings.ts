import { Redis } from 'ioredis';
import { createDatabase, type Database } from 'sluice';
import { postgres } from 'sluice/postgres';

/** Signs the context that one service hands to the other. */
export const secret: string = process.env['SLUICE_SECRET'] ?? 'for the example, and for nothing else';

/** The database of a service: here a schema each on one server. */
export function openDatabase(schema: 'stock' | 'shop', max = 10): Database<'default'> {
  return createDatabase({
    clients: {
      default: postgres({
        connectionString: process.env['DATABASE_URL'],
        options: `-c search_path=example_${schema}`,
        max,
      }),
    },
  });
}

export function openRedis(): Redis {
  return new Redis(process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379');
}
