import type { FailureKind } from '../../driver/index.ts';
import type { Played } from './judge/index.ts';
import { endOf } from './pair.ts';
import type { OrderRun, Passage } from './orders/index.ts';

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
  return { texts, ends: run.ends, refused: withStanding('refused'), partial: withStanding('partial') };
}

/**
 * `refused`: a refusal of the database, or a condition that no row fulfilled, has kept it from writing anything. `partial`: it was
 * refused after it had committed something.
 */
type Standing = 'ran' | 'refused' | 'partial';

function standingOf(run: OrderRun, actor: string): Standing {
  const refusedAt = run.passages.findLastIndex((passage) => passage.actor.name === actor && isRefused(passage));
  if (refusedAt < 0) return 'ran';
  const writes = run.passages.flatMap((passage, at) =>
    passage.actor.name === actor && hasWritten(passage) && isCommitted(run, at) ? [at] : [],
  );
  if (writes.length === 0) return 'refused';
  return writes.some((at) => at > refusedAt) ? 'ran' : 'partial';
}

function isRefused(passage: Passage): boolean {
  const failure = passage.exchange?.failure;
  if (failure !== undefined) return refusals.has(failure.kind);
  return writesOf(passage).some(({ hasChanged }) => !hasChanged);
}

function hasWritten(passage: Passage): boolean {
  return writesOf(passage).some(({ hasChanged }) => hasChanged);
}

/** The writes that have succeeded, and whether they have changed something. */
function writesOf({ statements, client, exchange }: Passage): readonly { readonly hasChanged: boolean }[] {
  return statements.flatMap(({ text }, at) => {
    const result = exchange?.results[at];
    if (result === undefined || client.driver.inspect(text) !== 'write') return [];
    return [{ hasChanged: result.rowCount > 0 || !change.test(text) }];
  });
}

function isCommitted(run: OrderRun, at: number): boolean {
  const end = run.passages[endOf(run, at)]?.exchange;
  return end !== undefined && end.failure === undefined && end.ended !== 'rolledBack';
}
