import pg from 'pg';

/** The tests run against a real server; without one nothing was tested, so nothing passes. */
export async function setup(): Promise<void> {
  const connectionString = process.env['DATABASE_URL'];
  if (connectionString === undefined)
    throw new Error('DATABASE_URL is not set: run the tests with "npm test", which starts a PostgreSQL');
  const client = new pg.Client({ connectionString });
  await client.connect();
  await client.end();
}
