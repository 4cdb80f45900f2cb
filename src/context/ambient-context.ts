import { runInTrace, traceHere } from '../channels/index.ts';
import { type Check, checkBody, isRecord, label, readOptions, systemClock, milliseconds } from '../core/index.ts';
import type { ChainContext } from './chain-context.ts';
import { levelOf } from './place.ts';
import { currentFrame, Frame, frameOfCall, runInFrame } from './frame.ts';

/** What travels with a chain through jobs, calls and messages. */
export type ContextValues = Omit<ChainContext, 'ancestors' | 'deadline' | 'enteredAt'>;

/** What is ambient here. */
export interface CurrentContext extends ContextValues {
  /** The level at which a transaction would begin here. */
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

/** Characters that every header can hold. */
function printable(longest: number, from: ' ' | '!'): Check {
  const allowed = new RegExp(`^[${from}-~]{1,${longest}}$`);
  return (value) =>
    typeof value === 'string' && allowed.test(value)
      ? undefined
      : `text of 1 to ${longest} printable ASCII characters${from === ' ' ? '' : ' without blanks'}`;
}

/** The largest context, in bytes of its JSON. */
export const largestContext: number = 8 * 1024;
const mostBaggage = 64;
const [aBaggageName, aBaggageValue] = [label(200), label(largestContext, 0)];

function isBaggage(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const entries = Object.entries(value);
  return (
    entries.length <= mostBaggage &&
    entries.every(([name, entry]) => aBaggageName(name) === undefined && aBaggageValue(entry) === undefined) &&
    Buffer.byteLength(JSON.stringify(value)) <= largestContext
  );
}

const someBaggage: Check = Object.assign(
  (value: unknown) =>
    isBaggage(value)
      ? undefined
      : `an object with at most ${mostBaggage} strings, without control characters and not larger than ${largestContext} bytes together`,
  {
    // Copied and frozen, so that checking it once is enough.
    read: (value: unknown) => (isRecord(value) ? Object.freeze(Object.fromEntries(Object.entries(value))) : value),
  },
);

/**
 * The checks of the values that travel, for those given here and for those that come from outside. They become headers, and
 * lines of logs: none may end one.
 */
export const contextChecks: Record<keyof ContextValues, Check> = {
  traceparent: (value) =>
    typeof value === 'string' && traceparent.test(value) ? undefined : 'a traceparent of W3C Trace Context, version 00',
  tracestate: printable(512, ' '),
  tenant: label(200),
  locale: printable(100, '!'),
  tz: printable(100, '!'),
  idempotencyKey: label(200),
  baggage: someBaggage,
};

const optionChecks: Record<keyof ContextOptions, Check> = { ...contextChecks, timeout: milliseconds(1) };

/**
 * Runs `body` with values that are passed to everything below it: statements, jobs, calls and
 * messages. What is not given stays as it is. Transactions that are open stay open.
 *
 * ```ts
 * await withContext({ tenant: 'acme', timeout: 5_000 }, () => checkout(id));
 * ```
 * @throws InvalidOptionError
 */
export function withContext<Result>(options: ContextOptions, body: () => Result): Result {
  const { timeout, ...given } = readOptions('withContext', options, optionChecks);
  checkBody('withContext', body);
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
  const trace = given.traceparent === undefined ? undefined : given;
  return runInTrace(trace, { ifNone: false }, () => runInFrame(frame, body, undefined));
}

/**
 * What is ambient here: the level, and the values that travel.
 *
 * ```ts
 * const { level, tenant, remaining } = currentContext();
 * console.log({ level, tenant, remaining });
 * ```
 */
export function currentContext(): CurrentContext {
  const frame = frameOfCall();
  if (frame === undefined) return { level: 0, ...traceHere(undefined) };
  const { ancestors: _, deadline, enteredAt: __, traceparent, tracestate, ...values } = frame.chain ?? {};
  const trace = traceHere({ traceparent, tracestate });
  const remaining = deadline === undefined ? {} : { remaining: deadline - systemClock.now() };
  return { level: levelOf(frame, frame), ...values, ...trace, ...remaining };
}

function earlier(deadline: number | undefined, timeout: number | undefined): number | undefined {
  if (timeout === undefined) return deadline;
  return Math.min(deadline ?? Number.POSITIVE_INFINITY, systemClock.now() + timeout);
}
