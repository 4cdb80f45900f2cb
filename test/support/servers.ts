import { connect as connectSocket } from 'node:net';
import { describe } from 'vitest';

/** The servers beside PostgreSQL that some tests need, and where they are unless the environment says otherwise. */
export const redisUrl: string = process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379';
export const natsUrl: string = process.env['NATS_URL'] ?? 'nats://127.0.0.1:4222';

/** What the Redis keys of this run of the tests begin with; they are deleted at its end. */
export function redisKeys(scope: string): string {
  return `sluice-test-${process.env['SLUICE_TEST_RUN']}-${scope}`;
}

/**
 * Whether a test that needs a server can run. In CI a server that is not reached fails it; on a user's
 * machine it is skipped, and said to be.
 */
export async function whenReached(server: 'Redis' | 'NATS' | undefined): Promise<boolean> {
  if (server === undefined) return true;
  if (await reached(server)) return true;
  const { host } = urlOf(server);
  if (process.env['CI'] !== undefined) throw new Error(`${server} does not answer at ${host}: nothing was tested`);
  console.warn(`SKIPPED: ${server} does not answer at ${host}. Start it, or set ${server.toUpperCase()}_URL.`);
  return false;
}

/**
 * A `describe` for tests that need a server. In CI a server that is not reached fails them; on a user's
 * machine they are skipped, and said to be.
 */
export async function describeWith(server: 'Redis' | 'NATS', name: string, tests: () => void): Promise<void> {
  if (await whenReached(server)) describe(name, tests);
  else describe.skip(name, tests);
}

export async function reached(server: 'Redis' | 'NATS'): Promise<boolean> {
  const { hostname, port } = urlOf(server);
  return await answers(hostname, Number(port));
}

function urlOf(server: 'Redis' | 'NATS'): URL {
  return new URL(server === 'Redis' ? redisUrl : natsUrl);
}

function answers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectSocket({ host, port, timeout: 2_000 });
    const finish = (reached: boolean): void => {
      socket.destroy();
      resolve(reached);
    };
    socket.once('connect', () => finish(true));
    socket.once('error', () => finish(false));
    socket.once('timeout', () => finish(false));
  });
}
