import { InvalidOptionError, typeName } from '../../core/index.ts';
import type { Script } from './scripts.ts';

type Listener = (...values: unknown[]) => void;

/** As much of ioredis as is used here. */
export interface IoRedisLike {
  /** True for a client of a cluster. */
  readonly isCluster?: boolean;
  /** Sends any command and resolves with its reply. */
  call(command: string, ...args: (string | number)[]): Promise<unknown>;
  /** Subscribes to an event of the client, such as `ready` or `error`. */
  on(event: string, listener: Listener): unknown;
}

/** As much of node-redis as is used here. */
export interface NodeRedisLike {
  /** Sends any command and resolves with its reply. */
  sendCommand(args: string[]): Promise<unknown>;
  /** Subscribes to an event of the client, such as `ready` or `error`. */
  on(event: string, listener: Listener): unknown;
}

/** A client of ioredis that subscribes; it is used for nothing else. */
export interface IoRedisSubscriberLike extends IoRedisLike {
  /** Subscribes to channels; their messages arrive as `message` events. */
  subscribe(...channels: string[]): Promise<unknown>;
}

/** A connected client of node-redis that subscribes; it is used for nothing else. */
export interface NodeRedisSubscriberLike extends NodeRedisLike {
  /** Subscribes to channels; `listener` gets each message. */
  subscribe(channels: string[], listener: (message: string, channel: string) => void): Promise<unknown>;
}

/** Sends commands; those of one moment travel together, as both packages have it. */
export type Send = (command: string, ...args: (string | number)[]) => Promise<unknown>;

/** A connection that hears what is published. */
export interface Subscriber {
  listen(heard: (channel: string, text: string) => void): void;
  subscribe(channels: string[]): Promise<unknown>;
  onLost(listener: () => void): void;
  onReady(listener: () => void): void;
}

/** @throws InvalidOptionError for what is neither */
export function sendTo(client: IoRedisLike | NodeRedisLike): Send {
  if (isIoRedis(client)) return (command, ...args) => client.call(command, ...args);
  if (isNodeRedis(client)) return (command, ...args) => client.sendCommand([command, ...args.map(String)]);
  throw unusable('client', client);
}

const readyListeners = new WeakMap<object, (() => void)[]>();

/** Calls back for each connection of a client. It gets one listener, however many stores there are on it: it warns of more than ten. */
export function onReady(client: IoRedisLike | NodeRedisLike, callback: () => void): void {
  const known = readyListeners.get(client);
  if (known !== undefined) {
    known.push(callback);
    return;
  }
  const callbacks = [callback];
  readyListeners.set(client, callbacks);
  client.on('ready', () => {
    for (const each of callbacks) each();
  });
}

/** @throws InvalidOptionError for what is neither */
export function subscriberOn(client: IoRedisSubscriberLike | NodeRedisSubscriberLike): Subscriber {
  const on = (events: readonly string[], listener: () => void): void => {
    for (const event of events) client.on(event, listener);
  };
  if (isIoSubscriber(client)) {
    return {
      listen: (heard) => void client.on('message', (channel, text) => heard(String(channel), String(text))),
      subscribe: (channels) => client.subscribe(...channels),
      onLost: (listener) => on(['close', 'end'], listener),
      onReady: (listener) => on(['ready'], listener),
    };
  }
  if (isNodeSubscriber(client)) {
    const listeners: ((channel: string, text: string) => void)[] = [];
    const tell = (text: string, channel: string): void => {
      for (const listener of listeners) listener(channel, text);
    };
    return {
      listen: (heard) => void listeners.push(heard),
      subscribe: (channels) => client.subscribe(channels, tell),
      onLost: (listener) => on(['error', 'reconnecting', 'end'], listener),
      onReady: (listener) => on(['ready'], listener),
    };
  }
  throw unusable('subscriber', client);
}

function isIoRedis(client: unknown): client is IoRedisLike {
  return typeof client === 'object' && client !== null && 'call' in client && typeof client.call === 'function';
}

function isNodeRedis(client: unknown): client is NodeRedisLike {
  return (
    typeof client === 'object' &&
    client !== null &&
    'sendCommand' in client &&
    typeof client.sendCommand === 'function' &&
    // A cluster of node-redis wants to know the key of each command.
    !('masters' in client) &&
    !isIoRedis(client)
  );
}

function isIoSubscriber(client: unknown): client is IoRedisSubscriberLike {
  return isIoRedis(client) && 'subscribe' in client;
}

function isNodeSubscriber(client: unknown): client is NodeRedisSubscriberLike {
  return isNodeRedis(client) && 'subscribe' in client;
}

function unusable(name: string, client: unknown): InvalidOptionError {
  return new InvalidOptionError({
    what: `A Redis store was given ${typeName(client)} for its ${name}`,
    remedy: 'Give a client of ioredis, or a connected one of node-redis; for a cluster the Cluster of ioredis',
  });
}

/** Runs a script, which the server may have forgotten. */
export async function runScript(
  send: Send,
  { text, digest }: Script,
  keys: readonly string[],
  args: readonly (string | number)[],
): Promise<unknown> {
  try {
    return await send('EVALSHA', digest, keys.length, ...keys, ...args);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.includes('NOSCRIPT')) throw error;
    return await send('EVAL', text, keys.length, ...keys, ...args);
  }
}
