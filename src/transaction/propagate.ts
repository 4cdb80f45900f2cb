import type { TransactionalClient } from '../connection/index.ts';
import {
  currentFrame,
  describeTransactions,
  findFrame,
  findPlace,
  Frame,
  frameOfCall,
  levelBeside,
  notBegun,
  runInFrame,
} from '../context/index.ts';
import { captureOrigin, type ErrorPlace, InvalidOptionError, located, sampleOrigin, typeName } from '../core/index.ts';
import type { TransactionCharacteristics } from '../driver/index.ts';
import { suppressedBy } from '../hooks/index.ts';
import { runOnce } from './begin.ts';
import { checkJoin } from './compatibility.ts';
import { refuseDeferred } from './body-result.ts';
import { TransactionLeftOpenError, TransactionNotAllowedError, TransactionRequiredError } from './errors.ts';
import { type InnerRun, join } from './join.ts';
import { nest } from './nest.ts';
import { givenAt, type ReadOptions, readTransactionOptions, type TransactionOptions } from './options.ts';
import { type PropagationAction, propagationTable } from './propagation.ts';
import { runTransaction } from './retry.ts';
import type { BaseScope, Scope } from './scope.ts';

/** Where a scope is opened: a client, and the level that its caller fixed, if any. */
export interface Target {
  readonly client: TransactionalClient;
  readonly level: number | undefined;
}

/** The scope that calls on `target` join now. */
export function scopeAt(frame: Frame | undefined, { client, level }: Target): Scope | undefined {
  return findFrame(frame, client, level)?.scope as Scope | undefined;
}

/** Where a call on a target lands, for errors. */
export function placeOfTarget({ client, level }: Target): ErrorPlace {
  return { clientName: client.name, level: findPlace(currentFrame(), client, level).level };
}

const noOptions: ReadOptions = Object.freeze({});

/** Runs `body` as the propagation of the options says; see `Propagation`. Whatever goes wrong is a rejection. */
export function runScope<Result>(
  target: Target,
  body: () => Result | PromiseLike<Result>,
  options: TransactionOptions | undefined,
): Promise<Result> {
  try {
    if (typeof body !== 'function') throw noBody(body);
    const outer = frameOfCall();
    const parent = scopeAt(outer, target);
    if (options === undefined && parent !== undefined && parent.base === undefined && outer !== undefined)
      return join({ parent, outer, options, body });
    const read = options === undefined ? noOptions : readTransactionOptions(options);
    // An isolation level that the engine lacks is refused even where the scope would only join.
    const isolation = target.client.driver.isolation(read.isolationLevel ?? 'DEFAULT');
    return propagate({ target, outer, parent, options: read, isolation, body });
  } catch (error) {
    return Promise.reject(located(error, () => placeOfTarget(target)));
  }
}

/** A call of `transaction`, with what was found out about the place where it was made. */
interface Call<Result> {
  readonly target: Target;
  readonly outer: Frame | undefined;
  /** The scope that is open there. */
  readonly parent: Scope | undefined;
  readonly options: ReadOptions;
  readonly isolation: TransactionCharacteristics['isolation'];
  readonly body: () => Result | PromiseLike<Result>;
}

function propagate<Result>(call: Call<Result>): Promise<Result> {
  const { target, outer, parent, options, body } = call;
  const { client } = target;
  const { inside, outside } = propagationTable[options.propagation ?? 'REQUIRED'];
  if (parent?.base !== undefined && outer !== undefined) return inBase(call, { parent, outer }, outside);
  if (parent === undefined || outer === undefined) {
    if (outside === 'required') throw required(client, outer);
    if (outside === 'plain') return runPlain(body);
    return begin(call, findPlace(outer, client, target.level).level);
  }
  if (inside === 'begin') return begin(call, target.level ?? levelBeside(outer));
  if (inside === 'suspend') {
    return runInFrame(new Frame(outer, { client, level: target.level, scope: undefined }), runPlain<Result>, body);
  }
  parent.assertOpen();
  if (inside === 'forbidden') throw forbidden(parent);
  checkJoin(parent, options);
  return (inside === 'nest' ? nest : join)({ parent, outer, options, body });
}

/** In a transaction that counts as none everything is as outside of one, and what begins gets a savepoint. */
function inBase<Result>(call: Call<Result>, { parent, outer }: InBase, outside: PropagationAction): Promise<Result> {
  const { options, body } = call;
  if (outside === 'required') throw required(parent.transaction.client, undefined);
  if (outside === 'plain') return runPlain(body);
  parent.assertOpen();
  // Its time is its own; isolation and access are those of the transaction around it.
  checkJoin(parent, { isolationLevel: options.isolationLevel, readOnly: options.readOnly });
  const { name = 'anonymous', retry } = options;
  const run: InnerRun<Result> = { parent, outer, options, body };
  const rehearse = retry === undefined || retry.attempts < 2 ? undefined : parent.base?.rehearse;
  if (rehearse === undefined) return nest(run);
  const begunAt = options[givenAt] ?? captureOrigin(runScope);
  return rehearse({ client: parent.transaction.client, name, begunAt }, (atEnd) => nest({ ...run, atEnd }));
}

/** Where a call is made that lands in a transaction that counts as none. */
interface InBase {
  readonly parent: Scope;
  readonly outer: Frame;
}

/** Runs `body` in a transaction that counts as none, and rolls it back. */
export async function runInBase<Result>(
  client: TransactionalClient,
  base: BaseScope,
  body: () => Result | PromiseLike<Result>,
  given: TransactionOptions,
): Promise<Result> {
  const options = readTransactionOptions(given);
  const outer = frameOfCall();
  let result: { readonly value: Result } | undefined;
  const rollBack = new Error('the end of a test');
  const { level } = findPlace(outer, client);
  const origin = options[givenAt] ?? captureOrigin(runInBase);
  const isolation = client.driver.isolation(options.isolationLevel ?? 'DEFAULT');
  try {
    return await runTransaction({ client, level, outer, origin, options, isolation, base }, async () => {
      result = { value: await body() };
      throw rollBack;
    });
  } catch (error) {
    const leftOpen = suppressedBy(error).find((each) => each instanceof TransactionLeftOpenError);
    if (error === rollBack && leftOpen !== undefined) throw leftOpen;
    if (error === rollBack && result !== undefined) return result.value;
    throw error;
  }
}

/** Awaits the body here, in its frame: a thenable starts to work when it is awaited. */
async function runPlain<Result>(body: () => Result | PromiseLike<Result>): Promise<Result> {
  const result = await body();
  refuseDeferred(result, 'a scope without a transaction');
  return result;
}

function begin<Result>({ target, outer, options, isolation, body }: Call<Result>, level: number): Promise<Result> {
  const { client } = target;
  client.pool.assertAdmits(outer?.begun ?? notBegun);
  const origin = options[givenAt] ?? sampleOrigin(runScope);
  const run = options.retry === undefined ? runOnce : runTransaction;
  return run({ client, level, outer, origin, options, isolation }, body);
}

function required(client: TransactionalClient, frame: Frame | undefined): TransactionRequiredError {
  return new TransactionRequiredError({
    what: `A scope with propagation MANDATORY was opened on client "${client.name}", where no transaction is open`,
    remedy: 'Open a transaction around it, or use REQUIRED, which begins one where there is none',
    chain: describeTransactions(frame?.innermost),
    at: { clientName: client.name, level: findPlace(frame, client).level },
  });
}

function forbidden({ transaction }: Scope): TransactionNotAllowedError {
  return new TransactionNotAllowedError({
    what: `A scope with propagation NEVER was opened inside the transaction "${transaction.name}"`,
    remedy: 'Call it outside of the transaction, or use NOT_SUPPORTED, which runs on another connection',
    chain: transaction.chain(),
  });
}

function noBody(body: unknown): InvalidOptionError {
  return new InvalidOptionError({
    what: `A transaction was begun with ${typeName(body)} for its body`,
    remedy: 'Give a function, and the options after it',
  });
}
