import { Redis } from 'ioredis';
import pg from 'pg';
import { reached, redisKeys, redisUrl } from './servers.ts';
import { runName, saySkipped } from './skipped.ts';

/** The tests run against a real server; without one nothing was tested, so nothing passes. */
export async function setup(): Promise<void> {
  const connectionString = process.env['DATABASE_URL'];
  if (connectionString === undefined)
    throw new Error('DATABASE_URL is not set: run the tests with "npm test", which starts a PostgreSQL');
  const client = new pg.Client({ connectionString });
  try {
    await client.connect();
  } catch (cause) {
    const remedy = 'start it, set another DATABASE_URL, or unset it to let "npm test" start a PostgreSQL';
    throw new Error(`The server of DATABASE_URL (${client.host}:${client.port}) does not answer: ${remedy}`, { cause });
  }
  await client.end();
  runName();
}

/** Leaves nothing in Redis. */
export async function teardown(): Promise<void> {
  saySkipped();
  if (!(await reached('Redis'))) return;
  const redis = new Redis(redisUrl);
  for await (const keys of redis.scanStream({ match: redisKeys('*'), count: 1_000 }) as AsyncIterable<string[]>) {
    if (keys.length > 0) await redis.unlink(...keys);
  }
  await redis.quit();
}
