import { type Check, readOptions, integer, longestTimer, systemClock, text } from '../core/index.ts';
import type { ChainContext } from './chain.ts';
import { Frame } from './frame.ts';
import { levelOf } from './place.ts';
import { currentFrame, runInFrame } from './store.ts';

/** What travels with a chain through jobs, calls and messages. */
export type ContextValues = Omit<ChainContext, 'ancestors' | 'deadline' | 'enteredAt'>;

/** What is ambient here. */
export interface CurrentContext extends ContextValues {
  readonly level: number;
  /** Milliseconds until the deadline of the chain; none where it has none. */
  readonly remaining?: number | undefined;
}

/** Values for what runs below, and how long it may take. */
export interface ContextOptions extends ContextValues {
  /** Milliseconds; an earlier deadline of the chain stays. */
  readonly timeout?: number | undefined;
}

const traceparent = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The checks of the values that travel, for those given here and for those that come from outside. */
export const contextChecks: Record<keyof ContextValues, Check> = {
  traceparent: (value) =>
    typeof value === 'string' && traceparent.test(value) ? undefined : 'a traceparent of W3C Trace Context, version 00',
  tracestate: text(512),
  tenant: text(200),
  locale: text(100),
  tz: text(100),
  idempotencyKey: text(200),
  baggage: (value) =>
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.keys(value).length <= 64 &&
    Object.values(value).every((entry) => typeof entry === 'string')
      ? undefined
      : 'an object with at most 64 strings',
};

const optionChecks: Record<keyof ContextOptions, Check> = { ...contextChecks, timeout: integer(1, longestTimer) };

/**
 * Runs `body` with values that go along with everything below it: statements, jobs, calls and
 * messages. What is not given stays as it is. Transactions that are open stay open.
 * @throws InvalidOptionError
 */
export function withContext<Result>(options: ContextOptions, body: () => Result): Result {
  const { timeout, ...given } = readOptions('withContext', options, optionChecks);
  const outer = currentFrame();
  const deadline = earlier(outer?.chain?.deadline, timeout);
  const chain: ChainContext = { ...outer?.chain, ...given, ...(deadline === undefined ? {} : { deadline }) };
  const frame = new Frame(outer, {
    client: outer?.client,
    level: outer?.level,
    scope: outer?.scope,
    hooks: outer?.hooks,
    chain,
  });
  return runInFrame(frame, body, undefined);
}

/** What is ambient here: the level, and the values that travel. */
export function currentContext(): CurrentContext {
  const frame = currentFrame();
  if (frame === undefined) return { level: 0 };
  const { ancestors: _, deadline, enteredAt: __, ...values } = frame.chain ?? {};
  const remaining = deadline === undefined ? {} : { remaining: deadline - systemClock.now() };
  return { level: levelOf(frame, frame), ...values, ...remaining };
}

function earlier(deadline: number | undefined, timeout: number | undefined): number | undefined {
  if (timeout === undefined) return deadline;
  return Math.min(deadline ?? Number.POSITIVE_INFINITY, systemClock.now() + timeout);
}
