import type { AnomalyKind, StatementPair } from './anomaly.ts';
import { shortPlace } from '../short-place.ts';
import { accessesOf, type TableAccess } from './tables-in-text.ts';
import type { OrderRun, Passage } from './orders/index.ts';

interface Access extends TableAccess {
  readonly passage: Passage;
  readonly at: number;
  /** Where others can see it: at the COMMIT of its transaction. */
  readonly seenAt: number;
}

/** What went wrong in an order, as its statements tell: the last read of an actor that another one's write made out of date before it was used. */
export function pairIn(run: OrderRun): { readonly kind: AnomalyKind; readonly pair: StatementPair | undefined } {
  const accesses = run.passages.flatMap((passage, at) => {
    const end = endOf(run, at);
    // What was rolled back has changed nothing.
    if (run.passages[end]?.exchange?.ended === 'rolledBack') return [];
    return accessesIn(passage).map((access) => ({ ...access, passage, at, seenAt: end }));
  });
  const writes = accesses.filter(({ type }) => type !== 'read');
  const found = writes.flatMap((used) =>
    staleReads(used, accesses).map(({ read, between }) => ({ read, between, used })),
  );
  const best = found.find(({ used, between }) => isSameRow(used, between)) ?? found[0];
  const dirty = best !== undefined && isSameRow(best.used, best.between) ? undefined : dirtyRead(run);
  if (dirty !== undefined) return dirty;
  if (best !== undefined) {
    return { kind: kindOf(best.used, best.between), pair: pairOf(best.read, best.between, best.used, 'wrote it') };
  }
  for (const again of accesses.filter(({ type }) => type === 'read')) {
    const stale = staleReads(again, accesses).find(({ read }) => read.table === again.table);
    if (stale === undefined) continue;
    return {
      kind: kindOfRead(stale.read, stale.between, again),
      pair: pairOf(stale.read, stale.between, again, 'read it again'),
    };
  }
  return { kind: 'other', pair: undefined };
}

/** A read at READ UNCOMMITTED of a table in which another one had written what it has not committed by then. */
function dirtyRead(run: OrderRun): { readonly kind: AnomalyKind; readonly pair: StatementPair } | undefined {
  const accesses = run.passages.flatMap((passage, at) =>
    accessesIn(passage).map((access) => ({ ...access, passage, at, seenAt: endOf(run, at) })),
  );
  for (const read of accesses) {
    if (read.type !== 'read' || !isUncommitted(run, read.seenAt, read.passage)) continue;
    const write = accesses.find(
      ({ type, table, passage, at, seenAt }) =>
        type !== 'read' &&
        table === read.table &&
        passage.actor !== read.passage.actor &&
        at < read.at &&
        seenAt > read.at,
    );
    if (write !== undefined) return { kind: 'dirty read', pair: dirtyPair(read, write) };
  }
  return undefined;
}

/** Whether the transaction of an exchange sees what others have not committed; PostgreSQL has no such one. */
function isUncommitted(run: OrderRun, end: number, { client, connection, actor }: Passage): boolean {
  const begun = run.passages.findLast(
    (passage, at) =>
      at <= end &&
      passage.connection === connection &&
      passage.actor === actor &&
      passage.steps.some(({ type }) => type === 'begin'),
  );
  const begin = begun?.steps.find((step) => step.type === 'begin');
  return client.driver.dialect !== 'postgres' && begin?.characteristics.isolation === 'READ_UNCOMMITTED';
}

/** What the actor of `used` had read before, and another one has written since. */
function staleReads(used: Access, accesses: readonly Access[]): { readonly read: Access; readonly between: Access }[] {
  return accesses
    .filter(({ type, passage, at }) => type === 'read' && passage.actor === used.passage.actor && at < used.at)
    .flatMap((read) => {
      const between = accesses.find(
        ({ type, table, passage, at, seenAt }) =>
          type !== 'read' &&
          table === read.table &&
          passage.actor !== used.passage.actor &&
          seenAt > read.at &&
          (used.type === 'read' ? seenAt : at) < used.at,
      );
      return between === undefined ? [] : [{ read, between }];
    });
}

/** The place of what has ended the transaction of a step: a COMMIT makes it seen. A step outside of one ends with itself. */
export function endOf(run: OrderRun, at: number): number {
  const step = run.passages[at];
  const isOnSame = ({ actor, connection }: Passage): boolean => actor === step?.actor && connection === step.connection;
  const begun = run.passages.findLastIndex(
    (passage, index) =>
      index <= at &&
      isOnSame(passage) &&
      (passage.steps.some(({ type }) => type === 'begin') || (index < at && passage.exchange?.ended !== undefined)),
  );
  if (run.passages[begun]?.steps.some(({ type }) => type === 'begin') !== true) return at;
  const end = run.passages.findIndex(
    (passage, index) => index >= at && isOnSame(passage) && passage.exchange?.ended !== undefined,
  );
  return end < 0 ? at : end;
}

function accessesIn({ statements, exchange }: Passage): readonly TableAccess[] {
  return exchange === undefined || exchange.failure !== undefined ? [] : statements.flatMap(accessesOf);
}

function kindOf(used: Access, between: Access): AnomalyKind {
  if (isSameRow(used, between)) return 'lost update';
  return between.type === 'insert' ? 'phantom' : 'write skew';
}

/** What is read twice: in one transaction and in the same words, it has to be the same. */
function kindOfRead(read: Access, between: Access, again: Access): AnomalyKind {
  const isSame = read.seenAt === again.seenAt && read.rows === again.rows && textOf(read) === textOf(again);
  if (!isSame) return 'stale read';
  return between.type === 'insert' ? 'phantom' : 'non-repeatable read';
}

function textOf({ passage }: Access): string {
  return passage.statements.map(({ text }) => text).join(';');
}

/** Whether both write the rows of the same condition. */
function isSameRow(one: Access, other: Access): boolean {
  return one.type === 'update' && other.type === 'update' && one.table === other.table && one.rows === other.rows;
}

function pairOf(read: Access, between: Access, used: Access, verb: string): StatementPair {
  const actor = used.passage.actor.name;
  const other = between.passage.actor.name;
  const [readAt, usedAt] = [read.passage.place, used.passage.place];
  const inWords = `${actor} read ${read.table}${inWordsAt(readAt)}, ${other} wrote it${inWordsAt(between.passage.place)}, and then ${actor} ${used.table === read.table ? verb : `wrote ${used.table}`}${inWordsAt(usedAt)}`;
  return { actor, other, table: read.table, readAt, usedAt, inWords };
}

function dirtyPair(read: Access, write: Access): StatementPair {
  const [actor, other] = [read.passage.actor.name, write.passage.actor.name];
  const [readAt, writtenAt] = [read.passage.place, write.passage.place];
  return {
    actor,
    other,
    table: read.table,
    readAt,
    usedAt: readAt,
    inWords: `${other} wrote ${read.table}${inWordsAt(writtenAt)}, and ${actor} read it${inWordsAt(readAt)} before that was committed`,
  };
}

function inWordsAt(place: string | undefined): string {
  return place === undefined ? '' : ` at ${shortPlace(place)}`;
}
