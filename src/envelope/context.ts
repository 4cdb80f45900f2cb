import { type Ancestor, ancestorsOf, type ChainContext, contextChecks, type Frame } from '../context/index.ts';
import { type Check, type Clock, integer, longestTimer, text } from '../core/index.ts';
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
/** The largest context, in bytes of its JSON. */
export const largestContext: number = 8 * 1024;
/** A chain that is not waited for starts at the bottom, and nobody's locks or deadline concern it. */
const bottom: Pick<WireContext, 'level'> = { level: 0 };

/** What is carried from `frame` to whoever does work for it. `awaited`: the level it gets; none: nobody waits for it. */
export function encodeContext(frame: Frame | undefined, clock: Clock, awaited?: { level: number }): WireContext {
  const { ancestors: _, deadline, enteredAt: __, ...values } = frame?.chain ?? {};
  const clientName = frame?.current?.name;
  const own = { ...values, ...(clientName === undefined ? {} : { clientName }) } as Partial<WireContext>;
  if (awaited === undefined) return { ...own, ...bottom };
  // The innermost ones are the likeliest to hold what is wanted; deeper chains than this have no level either.
  const ancestors = ancestorsOf(frame?.innermost, frame?.chain).slice(-mostAncestors).map(toWire);
  const timeout = deadline === undefined ? undefined : Math.max(0, Math.ceil(deadline - clock.now()));
  return {
    ...own,
    level: awaited.level,
    ...(ancestors.length === 0 ? {} : { ancestors }),
    ...(timeout === undefined ? {} : { timeout }),
  };
}

const anAncestor: Check = (value) => {
  if (typeof value !== 'object' || value === null) return 'an object';
  const { clientName, level, transaction, backend, startedAt } = value as Partial<Record<keyof WireAncestor, unknown>>;
  const wrong =
    text(200)(clientName) ??
    integer(0, 64)(level) ??
    text(200)(transaction) ??
    integer(0, Number.MAX_SAFE_INTEGER)(backend) ??
    (startedAt === undefined ? undefined : text(64)(startedAt));
  return wrong === undefined ? undefined : 'a transaction with clientName, level, transaction and backend';
};

const checks: Record<string, Check> = {
  ...contextChecks,
  clientName: text(200),
  ancestors: (value) =>
    Array.isArray(value) && value.length <= mostAncestors && value.every((entry) => anAncestor(entry) === undefined)
      ? undefined
      : `a list of at most ${mostAncestors} transactions`,
  timeout: integer(0, longestTimer),
};

/** Checks a context that came from outside; unknown fields are dropped. @throws InvalidContextError */
export function decodeContext(value: unknown, maxLevel: number): ReceivedContext {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalidContext('it is no object');
  const fields = value as Record<string, unknown>;
  const wrongLevel = integer(0, maxLevel)(fields['level']);
  if (wrongLevel !== undefined) throw invalidContext(`its level is not ${wrongLevel}`);
  if (JSON.stringify(fields).length > largestContext) throw invalidContext(`it is larger than ${largestContext} bytes`);
  const known: Record<string, unknown> = {};
  for (const [name, check] of Object.entries(checks)) {
    if (!Object.hasOwn(fields, name) || fields[name] === undefined) continue;
    const expected = check(fields[name]);
    if (expected !== undefined) throw invalidContext(`its "${name}" is not ${expected}`);
    known[name] = fields[name];
  }
  const { clientName, ancestors, timeout, ...values } = known as Partial<WireContext>;
  return {
    level: fields['level'] as number,
    clientName,
    timeout,
    chain: { ...values, ...(ancestors === undefined ? {} : { ancestors: ancestors.map(fromWire) }) },
  };
}

function toWire({ clientName, level, transaction, backend }: Ancestor): WireAncestor {
  const { id, startedAt } = backend;
  return { clientName, level, transaction, backend: id, ...(startedAt === undefined ? {} : { startedAt }) };
}

function fromWire({ clientName, level, transaction, backend, startedAt }: WireAncestor): Ancestor {
  return { clientName, level, transaction, backend: { id: backend, startedAt } };
}
