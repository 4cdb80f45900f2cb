import type { Driver } from './driver.ts';

/** How many connections a client may open, and how requests for them wait. Times are milliseconds. */
export interface PoolOptions {
  /** The width of level 0: how many transactions without nesting run at once. Default 10. */
  readonly max?: number | undefined;
  /** The deepest level that has a connection reserved; all processes of a system use the same. Default 4. */
  readonly maxLevel?: number | undefined;
  /** The most connections that this process ever opens to the client. Default `max + maxLevel`; must be above `maxLevel`. */
  readonly budget?: number | undefined;
  /** The longest wait for a connection, its opening included. Default 30,000. */
  readonly acquireTimeout?: number | undefined;
  /** How long an unused connection is kept open. Default 30,000. */
  readonly idleTimeout?: number | undefined;
}

/** A configured client: what `postgres(options)` and its like return. */
export interface ClientDefinition {
  readonly driver: Driver;
  readonly pool: PoolOptions;
}
