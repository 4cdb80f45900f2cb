import { currentFrame, findPlace, Frame, runInFrame } from '../context/index.ts';
import { type Database, internalsOf } from '../database/index.ts';
import type { Scope } from '../transaction/index.ts';
import { expectBegin } from './own-transaction.ts';

/** Whether the code that calls is in a transaction of any database of Sluice. */
export function isInAnyTransaction(): boolean {
  return currentFrame()?.innermost?.isOpen === true;
}

/** What the transaction that is ambient here can be known again by, from whichever nested scope. */
export function wholeTransaction(database: Database, clientName: string | undefined): object | undefined {
  return outermostFrame(database, clientName)?.scope;
}

/**
 * Calls `register` once for each transaction, in its outermost scope: hooks that it registers are those of the
 * whole transaction, whichever nested scope it was called in.
 * @param seen remembers the outermost scopes
 */
export function oncePerTransaction(
  seen: WeakSet<object>,
  database: Database,
  clientName: string | undefined,
  register: () => void,
): void {
  const outermost = outermostFrame(database, clientName);
  const scope = outermost?.scope;
  if (scope === undefined || seen.has(scope)) return;
  seen.add(scope);
  runInFrame(outermost, register, undefined);
}

/** What there is once for each transaction: kept by its outermost scope, and gone with it. */
export class Shares<Share> {
  get({ shares }: Scope): Share | undefined {
    return shares?.get(this) as Share | undefined;
  }
  set(scope: Scope, share: Share): void {
    (scope.shares ??= new Map()).set(this, share);
  }
}

/**
 * What there is once for each transaction of a client: made by `make` in its outermost scope, where it is asked
 * for first.
 * @param standsFor whether that scope is to stand for the transaction that `make` lets its library begin
 */
export function shareOfTransaction<Share>(
  shares: Shares<Share>,
  { database, clientName, standsFor }: ShareOptions,
  make: () => Share,
): Share | undefined {
  const outermost = outermostFrame(database, clientName);
  const scope = outermost?.scope as Scope | undefined;
  if (outermost === undefined || scope === undefined) return undefined;
  const found = shares.get(scope);
  if (found !== undefined) return found;
  const share = runInFrame(standsFor ? standingFor(outermost) : outermost, make, undefined);
  shares.set(scope, share);
  return share;
}

/** A frame of its own for each, so that none takes what another is about to begin for its own. */
function standingFor(outermost: Frame): Frame {
  const { client, level, scope } = outermost;
  const frame = new Frame(outermost, { client, level, scope });
  if (client !== undefined) expectBegin(frame, client);
  return frame;
}

interface ShareOptions {
  readonly database: Database;
  readonly clientName: string | undefined;
  readonly standsFor: boolean;
}

/** The frame of the scope with which the transaction of a client began, that around a test left aside. */
function outermostFrame(database: Database, clientName: string | undefined): Frame | undefined {
  const internals = internalsOf(database);
  const client = internals.clientNamed(clientName ?? internals.defaultClientName);
  const frame = currentFrame();
  const here = findPlace(frame, client).scope as Scope | undefined;
  let outermost: Frame | undefined;
  for (let at = frame; at !== undefined; at = at.parent) {
    const scope = at.scope as Scope | undefined;
    if (scope?.transaction === here?.transaction && scope?.base === undefined) outermost = at;
  }
  return outermost;
}
