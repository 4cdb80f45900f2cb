import { type TraceHeaders, traceHere } from '../channels/index.ts';
import {
  type Ancestor,
  ancestorsOf,
  type ChainContext,
  contextChecks,
  type Frame,
  largestContext,
} from '../context/index.ts';
import { type Check, type Clock, fieldOf, integer, InvalidOptionError, label, milliseconds } from '../core/index.ts';
import { invalidContext } from './errors.ts';

/** A context on its way, as JSON. */
export interface WireContext {
  readonly level: number;
  /** The client that is current. */
  readonly clientName?: string;
  /** The transactions that wait for the receiver, outermost first. */
  readonly ancestors?: readonly WireAncestor[];
  /**
   * Milliseconds that were left to the chain when this was sent. A time span and not a point in time,
   * since the clocks of two machines may be far apart.
   */
  readonly timeout?: number;
  readonly traceparent?: string;
  readonly tracestate?: string;
  readonly tenant?: string;
  readonly locale?: string;
  readonly tz?: string;
  readonly idempotencyKey?: string;
  readonly baggage?: Readonly<Record<string, string>>;
}

export interface WireAncestor {
  readonly clientName: string;
  readonly level: number;
  readonly transaction: string;
  readonly backend: number;
  readonly startedAt?: string;
}

/** A context that was checked. */
export interface ReceivedContext {
  readonly level: number;
  readonly clientName: string | undefined;
  readonly timeout: number | undefined;
  /** Without a deadline, which depends on when it was sent. */
  readonly chain: ChainContext;
}

const mostAncestors = 16;
/** Fields of a context are never nested as deep: deeper JSON is refused. */
const deepest = 8;
/** A chain that is not waited for starts at level 0, without ancestors and deadline. */
const bottom: Pick<WireContext, 'level'> = { level: 0 };

/**
 * The context that is sent from `frame` with a job, call or message. `awaited`: its level; undefined: it is not awaited.
 * @throws InvalidOptionError where it is too large to be taken
 */
export function encodeContext(frame: Frame | undefined, clock: Clock, awaited?: { level: number }): WireContext {
  const { ancestors: _, deadline, enteredAt: __, traceparent, tracestate, ...others } = frame?.chain ?? {};
  const values = { ...others, ...traceHere({ traceparent, tracestate }) };
  const clientName = frame?.current?.name;
  const own = { ...values, ...(clientName === undefined ? {} : { clientName }) } as Partial<WireContext>;
  if (awaited === undefined) return bounded({ ...own, ...bottom });
  // The innermost ones are the likeliest to hold what is wanted; deeper chains than this have no level either.
  const ancestors = ancestorsOf(frame?.innermost, frame?.chain).slice(-mostAncestors).map(toWire);
  const timeout = deadline === undefined ? undefined : Math.max(0, Math.ceil(deadline - clock.now()));
  return bounded({
    ...own,
    level: awaited.level,
    ...(ancestors.length === 0 ? {} : { ancestors }),
    ...(timeout === undefined ? {} : { timeout }),
  });
}

/** Without baggage and ancestors nothing is as large. */
function bounded(context: WireContext): WireContext {
  if (context.baggage === undefined && context.ancestors === undefined) return context;
  if (Buffer.byteLength(JSON.stringify(context)) <= largestContext) return context;
  throw new InvalidOptionError({
    what: `The context is larger than ${largestContext} bytes`,
    remedy: 'Put less into baggage: it is sent with every call and job',
  });
}

const anAncestor: Check = (value) => {
  if (typeof value !== 'object' || value === null) return 'an object';
  const { clientName, level, transaction, backend, startedAt } = value as Partial<Record<keyof WireAncestor, unknown>>;
  const wrong =
    label(200)(clientName) ??
    integer(0, 64)(level) ??
    label(200)(transaction) ??
    integer(0, Number.MAX_SAFE_INTEGER)(backend) ??
    (startedAt === undefined ? undefined : label(64)(startedAt));
  return wrong === undefined ? undefined : 'a transaction with clientName, level, transaction and backend';
};

const checks: Record<string, Check> = {
  ...contextChecks,
  clientName: label(200),
  ancestors: (value) =>
    Array.isArray(value) && value.length <= mostAncestors && value.every((entry) => anAncestor(entry) === undefined)
      ? undefined
      : `a list of at most ${mostAncestors} transactions`,
  timeout: milliseconds(0),
};

/** Checks a context that came from outside; unknown fields are dropped. @throws InvalidContextError */
export function decodeContext(value: unknown, maxLevel: number): ReceivedContext {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalidContext('it is no object');
  const fields = value as Record<string, unknown>;
  const wrongLevel = integer(0, maxLevel)(fields['level']);
  if (wrongLevel !== undefined) throw invalidContext(`its level is not ${wrongLevel}`);
  if (isDeeperThan(fields, deepest)) throw invalidContext(`it is nested more than ${deepest} deep`);
  if (Buffer.byteLength(JSON.stringify(fields)) > largestContext)
    throw invalidContext(`it is larger than ${largestContext} bytes`);
  const known: Record<string, unknown> = {};
  for (const [name, check] of Object.entries(checks)) {
    if (!Object.hasOwn(fields, name) || fields[name] === undefined) continue;
    const field = check.read === undefined ? fields[name] : check.read(fields[name]);
    const expected = check(field);
    if (expected !== undefined) throw invalidContext(`its "${name}" is not ${expected}`);
    known[name] = field;
  }
  const { clientName, ancestors, timeout, ...values } = known as Partial<WireContext>;
  return {
    level: fields['level'] as number,
    clientName,
    timeout,
    chain: { ...values, ...(ancestors === undefined ? {} : { ancestors: ancestors.map(fromWire) }) },
  };
}

/** The trace that a context from outside names; nothing of the rest is looked at. */
export function traceOf(context: unknown): TraceHeaders | undefined {
  const [traceparent, tracestate] = [fieldOf(context, 'traceparent'), fieldOf(context, 'tracestate')];
  if (typeof traceparent !== 'string' || contextChecks.traceparent(traceparent) !== undefined) return undefined;
  const isStated = typeof tracestate === 'string' && contextChecks.tracestate(tracestate) === undefined;
  return isStated ? { traceparent, tracestate } : { traceparent };
}

/** Level by level, since what comes from outside may be as deep as no recursion gets. */
function isDeeperThan(value: unknown, most: number): boolean {
  let layer: unknown[] = [value];
  for (let depth = 0; layer.length > 0; depth += 1) {
    if (depth > most) return true;
    layer = layer.flatMap((each): unknown[] => (typeof each === 'object' && each !== null ? Object.values(each) : []));
  }
  return false;
}

function toWire({ clientName, level, transaction, backend }: Ancestor): WireAncestor {
  const { id, startedAt } = backend;
  return { clientName, level, transaction, backend: id, ...(startedAt === undefined ? {} : { startedAt }) };
}

function fromWire({ clientName, level, transaction, backend, startedAt }: WireAncestor): Ancestor {
  return { clientName, level, transaction, backend: { id: backend, startedAt } };
}
