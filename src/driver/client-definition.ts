import type { CurrentContext } from '../context/index.ts';
import { anything, type Check } from '../core/index.ts';
import type { Driver } from './driver.ts';

/** How many connections a client may open, and how requests for them wait. */
export interface PoolOptions {
  /** The width of level 0: how many transactions without nesting run at once. Default 10. */
  readonly max?: number | undefined;
  /** The deepest level that has a connection reserved; all processes of a system use the same. Default 4. */
  readonly maxLevel?: number | undefined;
  /** The most connections that this process ever opens to the client. Default `max + maxLevel`; must be above `maxLevel`. */
  readonly budget?: number | undefined;
  /** The longest wait for a connection, its opening included, in milliseconds. Default 30,000. */
  readonly acquireTimeout?: number | undefined;
  /** How long an unused connection is kept open, in milliseconds. Default 30,000. */
  readonly idleTimeout?: number | undefined;
  /**
   * How long a connection is used before another one is opened in its place, in milliseconds, less a random part of up to a
   * tenth, so that not all are renewed at once; 0: for ever. A transaction is never cut by it. Default 1,800,000 (half an
   * hour).
   */
  readonly maxLifetime?: number | undefined;
  /**
   * A connection that was unused for this long, in milliseconds, is asked whether it is alive before it is given out, and
   * replaced if it does not answer within a second; 0: never. Default 5,000.
   */
  readonly validateAfter?: number | undefined;
  /**
   * A connection that is held for longer, in milliseconds, is reported once, with the place that took it: on the channel
   * `sluice:pool:leak` and as a process warning. Captures a stack for each connection taken. Default 0: never.
   */
  readonly leakThreshold?: number | undefined;
}

/** For the checks of an engine's options: the pool checks its own. */
export const poolOptionChecks: Readonly<Record<keyof PoolOptions, Check>> = {
  max: anything,
  maxLevel: anything,
  budget: anything,
  acquireTimeout: anything,
  idleTimeout: anything,
  maxLifetime: anything,
  validateAfter: anything,
  leakThreshold: anything,
};

function isOfPool([name]: readonly [string, unknown]): boolean {
  return Object.hasOwn(poolOptionChecks, name);
}

/** Parts the options of an engine from those of its pool. */
export function partPoolOptions<Options extends PoolOptions>(
  options: Options,
): { readonly pool: PoolOptions; readonly own: Omit<Options, keyof PoolOptions> } {
  const entries = Object.entries(options);
  const own = Object.fromEntries(entries.filter((entry) => !isOfPool(entry))) as Omit<Options, keyof PoolOptions>;
  return { pool: Object.fromEntries(entries.filter(isOfPool)), own };
}

/**
 * Settings of the server by name, as of a context. `null` leaves one out on purpose; for one that is `undefined` nothing is
 * sent, and the call gets a `MissingSettingError`.
 */
export type SettingValues = Readonly<Record<string, string | number | bigint | boolean | null | undefined>>;

/** The settings that the server is to have in what is sent from a context; it returns at once, and may be called often. */
export type SettingsByContext = (context: CurrentContext) => SettingValues;

/** A configured client: what `postgres(options)` and its like return. */
export interface ClientDefinition {
  /** How to speak to the engine. */
  readonly driver: Driver;
  /** The limits of the client's pool, as given; defaults apply to what is missing. */
  readonly pool: PoolOptions;
  /** What the server is told in each transaction, and with each statement outside of one; its driver has `settings`. */
  readonly settings?: SettingsByContext | undefined;
}
