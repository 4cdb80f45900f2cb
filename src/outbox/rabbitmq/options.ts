import type { ConnectionOptions } from 'rabbitmq-client';
import { type Check, type Filled, isRecord, label, readOptions } from '../../core/index.ts';

/** Options of `rabbitmq`. */
export interface RabbitmqOptions {
  /**
   * How to connect, as `Connection` of `rabbitmq-client` takes it: an URL, or an object. It reconnects for ever. Default:
   * `amqp://guest:guest@localhost:5672`.
   */
  readonly connection?: string | ConnectionOptions | undefined;
  /**
   * The topic exchange that the messages go to, and the first word of the names of queues: `<exchange>.<topic>.<group>`. At most
   * 60 letters, digits, `_` and `-`. Made where it is missing. Default `sluice`.
   */
  readonly exchange?: string | undefined;
}

export interface RabbitmqSettings extends Filled<Omit<RabbitmqOptions, 'connection'>> {
  readonly connection: ConnectionOptions;
}

const checks: Record<keyof RabbitmqOptions, Check> = {
  connection: (value) =>
    (typeof value === 'string' && URL.canParse(value) && /^amqps?:/.test(value)) || isRecord(value)
      ? undefined
      : 'an URL that begins with amqp: or amqps:, or an object',
  exchange: (value) =>
    label(60)(value) === undefined && /^[A-Za-z0-9_-]+$/.test(String(value))
      ? undefined
      : 'a name of at most 60 letters, digits, "_" and "-"',
};

/** @throws InvalidOptionError */
export function rabbitmqSettings(options: RabbitmqOptions): RabbitmqSettings {
  const { connection = {}, exchange = 'sluice' } = readOptions('rabbitmq', options, checks);
  return { connection: typeof connection === 'string' ? { url: connection } : connection, exchange };
}
