/** A transaction of a chain, as plain data: what an error or a statistic says of it. */
export interface ChainLink {
  readonly clientName: string;
  readonly level: number;
  /** The name given in the options, or `anonymous`. */
  readonly transaction: string;
  /** Milliseconds since it was opened. */
  readonly age: number;
  /** The place in the program that opened it (`file:line:column`), where it is known. */
  readonly openedAt: string | undefined;
}

/** What every error of Sluice is made of. */
export interface ErrorDetails {
  /** What happened, as a sentence without its full stop. */
  readonly what: string;
  /** What the reader can do about it, as a sentence without its full stop. */
  readonly remedy: string;
  /** The chain in which it happened, outermost transaction first. */
  readonly chain?: readonly ChainLink[];
  readonly cause?: unknown;
}

/**
 * The base of every error that Sluice throws. `code` is stable across versions; `chain` holds the
 * transactions that were open above the failing call, outermost first; `remedy` says what to do.
 * Messages never contain parameter values or passwords.
 */
export abstract class SluiceError extends Error {
  abstract readonly code: string;
  readonly remedy: string;
  readonly chain: readonly ChainLink[];
  /** Errors of compensations that ran because of this error, when there were any. */
  declare suppressed?: readonly unknown[];

  constructor({ what, remedy, chain = [], cause }: ErrorDetails) {
    super(`${what}.${describeChain(chain)} ${remedy}.`, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.remedy = remedy;
    this.chain = chain;
  }
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
  override readonly code = 'INVALID_OPTION';
}
