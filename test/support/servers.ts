import { connect as connectSocket } from 'node:net';
import { noteSkipped, runName } from './skipped.ts';

/** The servers beside PostgreSQL that some tests need, and where they are unless the environment says otherwise. */
export const redisUrl: string = process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379';
export const mariadbUrl: string = process.env['MARIADB_URL'] ?? 'mysql://root@127.0.0.1:3306/test';
export const natsUrl: string = process.env['NATS_URL'] ?? 'nats://127.0.0.1:4222';
export const rabbitmqUrl: string = process.env['RABBITMQ_URL'] ?? 'amqp://guest:guest@127.0.0.1:5672';

type ServerName = 'Redis' | 'NATS' | 'MariaDB' | 'RabbitMQ';

/** What the Redis keys of this run of the tests begin with; they are deleted at its end. */
export function redisKeys(scope: string): string {
  return `sluice-test-${runName()}-${scope}`;
}

/**
 * Whether a test that needs a server can run. In CI a server that is not reached fails it; on a user's
 * machine it is skipped, and said to be.
 */
export async function whenReached(server: ServerName | undefined): Promise<boolean> {
  if (server === undefined) return true;
  if (await reached(server)) return true;
  const { host } = urlOf(server);
  if (process.env['CI'] !== undefined) throw new Error(`${server} does not answer at ${host}: nothing was tested`);
  noteSkipped(`${server} does not answer at ${host}. Start it, or set ${server.toUpperCase()}_URL.`);
  return false;
}

/**
 * A `describe` for tests that need a server. In CI a server that is not reached fails them; on a user's
 * machine they are skipped, and said to be.
 */
export async function describeWith(server: ServerName, name: string, tests: () => void): Promise<void> {
  // Loaded here, so that the configuration of the tests may import this file.
  const { describe } = await import('vitest');
  if (await whenReached(server)) describe(name, tests);
  else describe.skip(name, tests);
}

/** Whether the behaviour suite runs on MariaDB: always in CI, where a server that is not reached fails it. */
export async function mariadbIsHere(): Promise<boolean> {
  return process.env['CI'] !== undefined || (await whenReached('MariaDB'));
}

export async function reached(server: ServerName): Promise<boolean> {
  const { hostname, port } = urlOf(server);
  return await answers(hostname, Number(port));
}

function urlOf(server: ServerName): URL {
  return new URL({ Redis: redisUrl, NATS: natsUrl, MariaDB: mariadbUrl, RabbitMQ: rabbitmqUrl }[server]);
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
