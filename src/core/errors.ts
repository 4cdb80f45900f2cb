import { docsOf } from './docs.ts';

/** A transaction of a chain, as plain data: what an error or a statistic says of it. */
export interface ChainLink {
  /** The client that the transaction runs on. */
  readonly clientName: string;
  /** The level at which it holds its connection. */
  readonly level: number;
  /** The name given in the options, or `anonymous`. */
  readonly transaction: string;
  /** Milliseconds since it was opened. */
  readonly age: number;
  /** The place in the program that opened it (`file:line:column`), where it is known. */
  readonly openedAt: string | undefined;
}

/** Where in the program's databases something happened. */
export interface ErrorPlace {
  /** The client that it concerns. */
  readonly clientName: string;
  /** The level of the statement, transaction or connection; none for what concerns a client at every level. */
  readonly level?: number | undefined;
}

/** What every error of Sluice is made of. */
export interface ErrorDetails {
  /** What happened, as a sentence without its full stop. */
  readonly what: string;
  /** What the reader can do about it, as a sentence without its full stop. */
  readonly remedy: string;
  /** The chain in which it happened, outermost transaction first. */
  readonly chain?: readonly ChainLink[];
  /** What was thrown below, as `Error.cause`. */
  readonly cause?: unknown;
  /** Default: that of the innermost transaction of the chain. */
  readonly at?: ErrorPlace | undefined;
  /** See `SluiceError.retryable`. Default: what the class says. */
  readonly retryable?: boolean | undefined;
}

/** The codes of an error's classes, innermost first: other copies of the package know each other's errors by them. */
const brand = Symbol.for('sluice.error');

/** Something that happened in a chain of transactions, for those who read why one has failed. */
export interface HistoryEntry {
  /** Milliseconds since the first transaction of the chain was opened in this process. */
  readonly at: number;
  /** What happened. */
  readonly event:
    | 'begin'
    | 'acquire'
    | 'statement'
    | 'savepoint'
    | 'rollbackTo'
    | 'commit'
    | 'rollback'
    | 'retry'
    | 'lock'
    | 'wait';
  /** The name of the transaction that it happened in. */
  readonly transaction: string;
  /** The client of that transaction. */
  readonly clientName: string;
  /** The level of that transaction. */
  readonly level: number;
  /** SQL without literals, cut at 120 characters; or what is waited for. */
  readonly text: string | undefined;
  /** Milliseconds that it took; undefined where it took none, or had not ended. */
  readonly duration: number | undefined;
  /** Rows returned or changed. */
  readonly rowCount: number | undefined;
  /** The code of the error, or its name, where it failed. */
  readonly error: string | undefined;
}

/**
 * The base of every error that Sluice throws. `code` is stable across versions; `chain` holds the
 * transactions that were open above the failing call, outermost first; `remedy` says what to do.
 * Messages never contain parameter values or passwords. `instanceof` also holds for errors of another copy of the package.
 */
export abstract class SluiceError extends Error {
  /** The code of all errors of the class. */
  static readonly code: string | undefined = undefined;
  /** Whether errors of the class can be retried where their details do not say. */
  protected static readonly isRetryable: boolean = false;
  /** Names the error in SCREAMING_SNAKE_CASE. Stable across versions; see docs/errors.md. */
  abstract readonly code: string;
  /** What to do about it, as a sentence without its full stop. */
  readonly remedy: string;
  /** The transactions that were open above the failing call, outermost first. */
  readonly chain: readonly ChainLink[];
  /** The client that the error concerns, where it concerns one. */
  readonly clientName: string | undefined;
  /** The level of the statement, transaction or connection, where there is one. */
  readonly level: number | undefined;
  /**
   * Whether the same call may succeed later without a change of the program, and nothing of it has taken effect. False where
   * that is not known.
   */
  readonly retryable: boolean;
  /** Errors of compensations that ran because of this error, when there were any. */
  declare suppressed?: readonly unknown[];
  /**
   * The last 16 things that had happened in the chain of transactions when the error arose, oldest first; where it arose in
   * none, there is no history. Errors of the server that leave a transaction have one too.
   */
  declare readonly history?: readonly HistoryEntry[];

  constructor({ what, remedy, chain = [], cause, at = chain.at(-1), retryable }: ErrorDetails) {
    super(`${what}.${describeChain(chain)} ${remedy}.`, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.remedy = remedy;
    this.chain = chain;
    this.clientName = at?.clientName;
    this.level = at?.level;
    this.retryable = retryable ?? new.target.isRetryable;
    Object.defineProperty(this, brand, { value: codesOf(new.target) });
    // MikroORM copies the properties of an error into one of its own, and keeps nothing else of it.
    Object.defineProperty(this, 'original', { value: this, enumerable: false });
  }

  /**
   * Where its code is described: an address, or as long as the package has no repository of its own the path of a page in the
   * installed package, with an anchor.
   */
  get docs(): string {
    return docsOf('errors', this.code);
  }

  /** Whether a value is an error of this class, made by this copy of the package or by another one. */
  static override [Symbol.hasInstance](this: unknown, value: unknown): boolean {
    if (Function.prototype[Symbol.hasInstance].call(this, value)) return true;
    const codes = typeof value === 'object' && value !== null ? (value as Record<symbol, unknown>)[brand] : undefined;
    if (!Array.isArray(codes)) return false;
    return (
      this === SluiceError ||
      (Object.hasOwn(this as object, 'code') && codes.includes((this as typeof SluiceError).code))
    );
  }

  /**
   * Finds the error of Sluice in what a library has made of it, such as TypeORM's `QueryFailedError` or MikroORM's
   * `DriverException`: in `cause`, `driverError`, `original` and their kin, and in the errors of an `AggregateError`. Prisma
   * keeps the `code` and the message alone.
   *
   * ```ts
   * const found = SluiceError.find(error);
   * if (found?.retryable === true) await checkout(id);
   * ```
   */
  static find(error: unknown): SluiceError | undefined {
    const seen = new Set<unknown>();
    const open: unknown[] = [error];
    // The list grows while it is gone through.
    for (const at of open) {
      if (typeof at !== 'object' || at === null || seen.has(at) || seen.size > mostSearched) continue;
      if (isSluiceError(at)) return at;
      seen.add(at);
      for (const name of places) open.push(...[fieldOf(at, name)].flat());
    }
    return undefined;
  }
}

/** Notes where an error of Sluice happened, unless it says so itself. */
export function located(error: unknown, place: () => ErrorPlace): unknown {
  if (typeof error === 'object' && error !== null && isSluiceError(error) && error.clientName === undefined)
    Object.assign(error, place());
  return error;
}

/** How many values are looked at for an error. */
const mostSearched = 100;
/** Where libraries and errors keep what they were caused by. */
const places = ['cause', 'driverError', 'originalError', 'original', 'parent', 'meta', 'driverAdapterError', 'errors'];

/** A Proxy may throw where it is asked. */
function isSluiceError(value: object): value is SluiceError {
  try {
    return value instanceof SluiceError;
  } catch {
    return false;
  }
}

/** What a value has under a name; nothing where reading it throws. */
function fieldOf(value: object, name: string): unknown {
  try {
    return (value as Readonly<Record<string, unknown>>)[name];
  } catch {
    return undefined;
  }
}

function codesOf(type: typeof SluiceError): readonly string[] {
  const codes: string[] = [];
  for (
    let at: unknown = type;
    at !== SluiceError && typeof at === 'function';
    at = Object.getPrototypeOf(at) as unknown
  ) {
    const code = Object.hasOwn(at, 'code') ? (at as typeof SluiceError).code : undefined;
    if (code !== undefined) codes.push(code);
  }
  return codes;
}

function describeChain(chain: readonly ChainLink[]): string {
  return chain.length === 0 ? '' : ` The chain holds: ${chain.map(describeLink).join('; ')}.`;
}

/** One transaction in words: name, client, level, age and where it was opened. */
export function describeLink(link: ChainLink): string {
  const place = link.openedAt === undefined ? '' : `, opened at ${link.openedAt}`;
  return `transaction "${link.transaction}" on client "${link.clientName}" at level ${link.level} for ${Math.round(link.age)} ms${place}`;
}

/** An option, argument or setting is not one that the call accepts. Nothing was taken or sent. */
export class InvalidOptionError extends SluiceError {
  static override readonly code = 'INVALID_OPTION';
  override readonly code = 'INVALID_OPTION';
}

/** The program runs on a Node.js that is older than the package supports. Thrown when the package is loaded. */
export class UnsupportedNodeError extends SluiceError {
  static override readonly code = 'UNSUPPORTED_NODE';
  override readonly code = 'UNSUPPORTED_NODE';
}

/**
 * Two versions of the package met in one process: an object of one was given to the other, or one was called inside a
 * transaction of the other, which it cannot join. Nothing was taken or sent. Copies of the same version work together.
 */
export class MixedVersionsError extends SluiceError {
  static override readonly code = 'MIXED_VERSIONS';
  override readonly code = 'MIXED_VERSIONS';
  /** The other version, and the folder that its code is in. */
  readonly other: {
    /** As in its package.json. */
    readonly version: string;
    /** Where its code is. */
    readonly folder: string;
  };

  constructor(details: ErrorDetails & { readonly other: MixedVersionsError['other'] }) {
    super(details);
    this.other = details.other;
  }
}
