import type { ClientDefinition } from '../../../index.ts';
import { within } from './failure.ts';

/** A connection of a driver, by itself. */
export type Connection = Awaited<ReturnType<ClientDefinition['driver']['connect']>>;

/** Opens a connection, or rejects when that takes longer. One that comes too late is closed: it would keep the process. */
export async function connectWithin(
  { driver }: ClientDefinition,
  milliseconds: number,
  signal?: AbortSignal,
): Promise<Connection> {
  const timeUp = AbortSignal.timeout(milliseconds);
  const opening = driver.connect(signal === undefined ? timeUp : AbortSignal.any([timeUp, signal]));
  try {
    return await within(milliseconds, opening, signal);
  } catch (error) {
    opening.then(
      (late) => late.destroy(),
      () => {},
    );
    throw error;
  }
}
