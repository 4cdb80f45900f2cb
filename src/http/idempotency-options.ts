import { aBoolean, aFunction, type Check, InvalidOptionError, optionsOf } from '../core/index.ts';
import { defaults, keptChecks, propagations } from '../idempotency/index.ts';
import type { TransactionOptions } from '../transaction/index.ts';

/** Options of `idempotency` of a route. */
export interface RouteIdempotencyOptions<Request = unknown> {
  /** Whether a request without an `Idempotency-Key` is refused; otherwise it runs as one of a route without. Default true. */
  readonly required?: boolean | undefined;
  /**
   * What keeps keys apart besides the tenant, the method and the route: such as the user, where requests have no tenant. At most 500
   * characters. Default: nothing.
   */
  readonly scope?: ((request: Request) => string) | undefined;
  /**
   * What is asked for: with the same key and another one a request is refused. Default: the method, the path, the query and the body
   * as it was parsed.
   */
  readonly fingerprint?: ((request: Request) => string | Uint8Array | Promise<string | Uint8Array>) | undefined;
  /** For how long the answer is kept, in milliseconds from the arrival of the request. Default 86,400,000 (a day). */
  readonly ttl?: number | undefined;
  /** For how many milliseconds another request with the same key is waited for, before the answer is a 409. Default 10,000. */
  readonly timeout?: number | undefined;
  /** The most bytes that the body of an answer may have. A larger one is an error, and rolls back. Default 1,048,576. */
  readonly maxAnswerBytes?: number | undefined;
}

const checks: Record<keyof RouteIdempotencyOptions, Check> = {
  ...keptChecks,
  required: aBoolean,
  scope: aFunction,
  fingerprint: aFunction,
};
const someOptions = optionsOf('The option "idempotency"', checks);

/** `true`, `false`, or options. */
export const idempotencyCheck: Check = Object.assign(
  (value: unknown) =>
    typeof value === 'boolean' || (typeof value === 'object' && value !== null) ? undefined : 'true, false or options',
  {
    read: (value: unknown) =>
      typeof value === 'boolean' || typeof value !== 'object' || value === null ? value : someOptions.read?.(value),
  },
);

/** The options of an idempotent route, once they were read. */
export interface IdempotencySettings {
  /** See `RouteIdempotencyOptions`. */
  readonly required: boolean;
  /** See `RouteIdempotencyOptions`. */
  readonly scope: ((request: never) => string) | undefined;
  /** See `RouteIdempotencyOptions`. */
  readonly fingerprint: ((request: never) => string | Uint8Array | Promise<string | Uint8Array>) | undefined;
  /** See `RouteIdempotencyOptions`. */
  readonly ttl: number;
  /** See `RouteIdempotencyOptions`. */
  readonly timeout: number;
  /** See `RouteIdempotencyOptions`. */
  readonly maxAnswerBytes: number;
}

/**
 * Nothing for a route that is not idempotent.
 * @param given what the check has read
 * @throws InvalidOptionError for a transaction in which no key can be claimed, or whose error could leave one
 */
export function idempotencySettings(
  owner: string,
  given: boolean | RouteIdempotencyOptions<never> | undefined,
  { propagation, readOnly, rollbackOn }: Omit<TransactionOptions, 'signal'>,
): IdempotencySettings | undefined {
  if (given === undefined || given === false) return undefined;
  const pointless = [
    propagation !== undefined && !propagations.some((each) => each === propagation) ? 'propagation' : undefined,
    readOnly === true ? 'readOnly' : undefined,
    rollbackOn === undefined ? undefined : 'rollbackOn',
  ].find((name) => name !== undefined);
  if (pointless !== undefined) {
    throw new InvalidOptionError({
      what: `${owner} got "idempotency", and "${pointless}", with which its answers could not be kept`,
      remedy: `Leave out "${pointless}"`,
    });
  }
  const { required = true, scope, fingerprint, ...others } = given === true ? {} : given;
  const { ttl = defaults.ttl, timeout = defaults.timeout, maxAnswerBytes = defaults.maxAnswerBytes } = others;
  return { required, scope, fingerprint, ttl, timeout, maxAnswerBytes };
}
