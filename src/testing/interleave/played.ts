import type { FailureKind } from '../../driver/index.ts';
import type { Played } from './judge/index.ts';
import { cellsOf, countOf, endOf, type OrderRun, type Passage } from './orders/index.ts';

/** What keeps the rows right: a caller may repeat what came to it. */
const refusals: ReadonlySet<FailureKind> = new Set([
  'deadlock',
  'serialization',
  'lockTimeout',
  'uniqueViolation',
  'foreignKeyViolation',
  'checkViolation',
]);
/** What has changed nothing where it has counted no row. */
const change = /^\s*(?:insert|replace|update|delete|merge|with)\b/i;

/** An order as the judge looks at it. */
export function playedIn(run: OrderRun): Played {
  const texts = new Map<string, string[]>();
  for (const { client, statements } of run.passages) {
    const known = texts.get(client.name) ?? [];
    known.push(...statements.map(({ text }) => text));
    texts.set(client.name, known);
  }
  const actors = Object.keys(run.ends);
  const standings = new Map(actors.map((actor) => [actor, standingOf(run, actor)]));
  const withStanding = (wanted: Standing): readonly string[] =>
    actors.filter((actor) => standings.get(actor) === wanted);
  return {
    texts,
    ends: run.ends,
    refused: withStanding('refused'),
    mayClaim: withStanding('refused').filter((actor) => !run.passages.some((_, at) => isToldOfLock(run, at, actor))),
    partial: withStanding('partial'),
    turnedAway: new Map(
      withStanding('ran')
        .map((actor) => [actor, refusedTo(run, actor)] as const)
        .filter(([, texts]) => texts.length > 0),
    ),
  };
}

/** The texts of what an actor was refused and has not done later. */
function refusedTo(run: OrderRun, actor: string): readonly string[] {
  const own = run.passages.flatMap((passage, at) => (passage.actor.name === actor ? [{ passage, at }] : []));
  const done = (text: string, after: number): boolean =>
    own.some(
      ({ passage, at }) => at > after && textsOf(passage).includes(text) && !isRefused(passage) && isCommitted(run, at),
    );
  return own.flatMap(({ passage, at }) => {
    if (!isRefused(passage)) return [];
    // What a COMMIT has failed of are the writes before it.
    const last = own.findLast((each) => each.at <= at && writesOf(each.passage).length > 0)?.passage;
    const texts = textsOf(textsOf(passage).length === 0 && last !== undefined ? last : passage);
    return texts.filter((text) => !done(text, at));
  });
}

function textsOf({ statements }: Passage): readonly string[] {
  return statements.map(({ text }) => text);
}

/**
 * `refused`: a refusal of the database, a condition that no row fulfilled, or the answer that a lock is taken has kept it from writing anything. `partial`: it was
 * refused after it had committed something.
 */
type Standing = 'ran' | 'refused' | 'partial';

function standingOf(run: OrderRun, actor: string): Standing {
  const refusedAt = run.passages.findLastIndex((passage) => passage.actor.name === actor && isRefused(passage));
  const writes = run.passages.flatMap((passage, at) =>
    passage.actor.name === actor && hasWritten(passage) && isCommitted(run, at) ? [at] : [],
  );
  if (writes.length === 0)
    return refusedAt >= 0 || run.passages.some((_, at) => isToldOfLock(run, at, actor)) ? 'refused' : 'ran';
  if (refusedAt < 0) return 'ran';
  return writes.some((at) => at > refusedAt) ? 'ran' : 'partial';
}

function isRefused(passage: Passage): boolean {
  const failure = passage.exchange?.failure;
  if (failure !== undefined) return refusals.has(failure.kind);
  return writesOf(passage).some(({ hasChanged }) => !hasChanged);
}

const triesLock = /\b(?:pg_try_advisory(?:_xact)?_lock(?:_shared)?|get_lock)\s*\(/i;
const refusedLock: ReadonlySet<unknown> = new Set([false, 'f', 0, '0', 0n]);
const skipsLocked = /\bskip\s+locked\b/i;

/** Whether an actor was answered that another one has the lock: as with NOWAIT, and without a failure. */
function isToldOfLock(run: OrderRun, at: number, actor: string): boolean {
  const passage = run.passages[at];
  if (passage?.actor.name !== actor) return false;
  return passage.statements.some(({ text }, index) => {
    const result = passage.exchange?.results[index];
    if (result === undefined) return false;
    if (triesLock.test(text)) return cellsOf(result).some((cell) => refusedLock.has(cell));
    return skipsLocked.test(text) && cellsOf(result).length === 0 && isOpenBeside(run, at);
  });
}

/** Whether a transaction of another actor was open then. */
function isOpenBeside(run: OrderRun, at: number): boolean {
  const actor = run.passages[at]?.actor;
  return run.passages.slice(0, at).some((passage, before) => passage.actor !== actor && endOf(run, before) > at);
}

function hasWritten(passage: Passage): boolean {
  return writesOf(passage).some(({ hasChanged }) => hasChanged);
}

/** The writes that have succeeded, and whether they have changed something. */
function writesOf({ statements, client, exchange }: Passage): readonly { readonly hasChanged: boolean }[] {
  return statements.flatMap(({ text }, at) => {
    const result = exchange?.results[at];
    if (result === undefined || client.driver.inspect(text) !== 'write') return [];
    return [{ hasChanged: countOf(result) !== 0 || !change.test(text) }];
  });
}

function isCommitted(run: OrderRun, at: number): boolean {
  const end = run.passages[endOf(run, at)]?.exchange;
  return end !== undefined && end.failure === undefined && end.ended !== 'rolledBack';
}
