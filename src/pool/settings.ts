import { type Check, readOptions, integer, InvalidOptionError, milliseconds } from '../core/index.ts';
import type { PoolOptions } from '../driver/index.ts';

/** Pool options with every default filled in. */
export interface PoolSettings {
  readonly max: number;
  readonly maxLevel: number;
  readonly budget: number;
  readonly acquireTimeout: number;
  readonly idleTimeout: number;
  readonly maxLifetime: number;
  readonly validateAfter: number;
  readonly leakThreshold: number;
}

const checks: Record<keyof PoolOptions, Check> = {
  max: integer(1, 100_000),
  maxLevel: integer(0, 64),
  budget: integer(1, 100_000),
  acquireTimeout: milliseconds(1),
  idleTimeout: milliseconds(0),
  maxLifetime: milliseconds(0),
  validateAfter: milliseconds(0),
  leakThreshold: milliseconds(0),
};

/** Checks the options of a client's pool and fills in the defaults. @throws InvalidOptionError */
export function poolSettings(clientName: string, options: PoolOptions): PoolSettings {
  const read = readOptions(`The client "${clientName}"`, options, checks);
  const { max = 10, maxLevel = 4, acquireTimeout = 30_000, idleTimeout = 30_000 } = read;
  const { maxLifetime = 1_800_000, validateAfter = 5_000, leakThreshold = 0 } = read;
  const budget = read.budget ?? max + maxLevel;
  if (budget <= maxLevel) {
    throw new InvalidOptionError({
      what: `The client "${clientName}" has a budget of ${budget} connections for levels 0 to ${maxLevel}`,
      remedy: `Give a budget above maxLevel, at least ${maxLevel + 1}: each level needs one connection in reserve`,
    });
  }
  return { max, maxLevel, budget, acquireTimeout, idleTimeout, maxLifetime, validateAfter, leakThreshold };
}
