import { within } from '../../servers/failure.ts';
import { RedisClient } from '../../servers/redis-client.ts';
import type { Settings } from '../finding.ts';

/** A Redis that answers, as the checks see it. */
export interface RedisServer {
  /** What INFO says, by name. */
  readonly info: ReadonlyMap<string, string>;
  readonly settings: Settings;
  /** Its time in milliseconds since 1970. */
  readonly time: () => Promise<number>;
  /** A setting; undefined where the user may not read it. */
  readonly setting: (name: string) => Promise<string | undefined>;
}

/** Opens one for the time of `work`. */
export async function withRedis<Result>(
  url: string,
  settings: Settings,
  work: (server: RedisServer) => Promise<Result>,
): Promise<Result> {
  const { timeout } = settings;
  const opening = RedisClient.open(url);
  const client = await within(timeout, opening).catch((error: unknown) => {
    // It may still come.
    opening.then((late) => late.close()).catch(() => {});
    throw error;
  });
  const ask = (...command: string[]): ReturnType<RedisClient['ask']> => within(timeout, client.ask(...command));
  try {
    const info = String(await ask('INFO'));
    return await work({
      info: new Map([...info.matchAll(/^([a-z]\w*):([^\r\n]*)/gm)].map(([, name = '', value = '']) => [name, value])),
      settings,
      async time() {
        const [seconds, microseconds] = (await ask('TIME')) as readonly string[];
        return Number(seconds) * 1_000 + Number(microseconds) / 1_000;
      },
      async setting(name) {
        const reply = await ask('CONFIG', 'GET', name).catch(() => []);
        return Array.isArray(reply) && typeof reply[1] === 'string' ? reply[1] : undefined;
      },
    });
  } finally {
    client.close();
  }
}
