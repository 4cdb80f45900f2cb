import type { NodeConnectionOptions } from '@nats-io/transport-node';
import { type Check, type Filled, isRecord, label, milliseconds, readOptions } from '../../core/index.ts';

/** Options of `nats`. */
export interface NatsOptions {
  /**
   * How to connect, as `connect` of `@nats-io/transport-node` takes it: `servers`, `user`, `pass`, `tls`. It reconnects for ever.
   * Default: the server on this machine.
   */
  readonly connection?: NodeConnectionOptions | undefined;
  /**
   * The JetStream stream that keeps the messages, of at most 60 letters, digits, `_` and `-`. Made where it is missing: on disk,
   * one replica, no limits. Make it yourself, with the subject `<stream>.>`, to have others: a topic is at `<stream>.<topic>`.
   * Default `sluice`.
   */
  readonly stream?: string | undefined;
  /** After how many milliseconds another process takes over from one that was killed or cut off. Default 10,000. */
  readonly lostAfter?: number | undefined;
}

export type NatsSettings = Filled<NatsOptions>;

const aName: Check = (value) =>
  label(60)(value) === undefined && /^[A-Za-z0-9_-]+$/.test(String(value))
    ? undefined
    : 'a name of at most 60 letters, digits, "_" and "-"';

const checks: Record<keyof NatsOptions, Check> = {
  connection: (value) => (isRecord(value) ? undefined : 'an object'),
  stream: aName,
  lostAfter: milliseconds(500, 86_400_000),
};

/** @throws InvalidOptionError */
export function natsSettings(options: NatsOptions): NatsSettings {
  const read = readOptions('nats', options, checks);
  const { connection = {}, stream = 'sluice', lostAfter = 10_000 } = read;
  return { connection, stream, lostAfter };
}
