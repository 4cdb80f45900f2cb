import { JetStreamApiError } from '@nats-io/jetstream';

/** The numbers that a server gives its errors. */
export const streamNotFound = 10_059;
export const consumerNotFound = 10_014;
export const messageNotFound = 10_037;
export const wrongLastSequence: readonly number[] = [10_071, 10_164];
export const messageTooLarge = 10_054;

export function isApiError(error: unknown, ...codes: readonly number[]): boolean {
  return error instanceof JetStreamApiError && codes.includes(error.apiError().err_code);
}
