import {
  type Failure,
  failureOfSize,
  type PoolerTimeoutError,
  type ResultTooLargeError,
} from '../../../driver/index.ts';
import type { ExchangeQuery } from './exchange.ts';

/** What the rows of are too large. */
export interface TooLarge {
  readonly query: ExchangeQuery | undefined;
  readonly error: ResultTooLargeError;
}

/** Why a connection is lost. */
export interface Loss {
  readonly cause: unknown;
  /** Why this side has cut it, which then counts and not what pg says of a cut one. */
  readonly gaveUp?: PoolerTimeoutError | undefined;
  readonly tooLarge: TooLarge | undefined;
}

/** What the loss of its connection means for an exchange that was not answered. */
export function failureOfLoss(query: ExchangeQuery, { cause, gaveUp, tooLarge }: Loss): Failure {
  if (tooLarge?.query === query) return failureOfSize(tooLarge.error);
  const error = gaveUp ?? query.error?.error ?? cause ?? new Error('the connection was closed');
  // What a pooler has not passed on in time is never committed without a COMMIT.
  const isRolledBack = gaveUp !== undefined && beginsWithoutEnd(query);
  return isRolledBack ? { kind: 'statement', error } : { kind: 'connectionLost', error, reached: query.reached };
}

function beginsWithoutEnd({ steps }: ExchangeQuery): boolean {
  return steps[0]?.type === 'begin' && steps.every(({ type }) => type !== 'commit');
}
