import { InvalidOptionError, typeName } from '../../core/index.ts';
import type { Script } from './scripts.ts';

/** As much of ioredis as is used here. */
export interface IoRedisLike {
  call(command: string, ...args: (string | number)[]): Promise<unknown>;
  on(event: 'ready', listener: () => void): unknown;
}

/** As much of node-redis as is used here. */
export interface NodeRedisLike {
  sendCommand(args: string[]): Promise<unknown>;
  on(event: 'ready', listener: () => void): unknown;
}

/** Sends commands; those of one moment travel together, as both packages have it. */
export type Send = (command: string, ...args: (string | number)[]) => Promise<unknown>;

/** @throws InvalidOptionError for what is neither */
export function sendTo(client: IoRedisLike | NodeRedisLike): Send {
  if (typeof client === 'object' && client !== null) {
    if ('call' in client && typeof client.call === 'function')
      return (command, ...args) => client.call(command, ...args);
    if ('sendCommand' in client && typeof client.sendCommand === 'function')
      return (command, ...args) => client.sendCommand([command, ...args.map(String)]);
  }
  throw new InvalidOptionError({
    what: `A Redis store was given ${typeName(client)} for its client`,
    remedy: 'Give a client of ioredis, or a connected one of node-redis',
  });
}

/** Runs a script, which the server may have forgotten. */
export async function runScript(
  send: Send,
  { text, digest }: Script,
  key: string,
  args: readonly (string | number)[],
): Promise<unknown> {
  try {
    return await send('EVALSHA', digest, 1, key, ...args);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.includes('NOSCRIPT')) throw error;
    return await send('EVAL', text, 1, key, ...args);
  }
}
