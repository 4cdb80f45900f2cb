import type { AnomalyKind, StatementPair } from '../anomaly.ts';
import { shortPlace } from '../../short-place.ts';
import { countOf, endOf, type OrderRun, type Passage } from '../orders/index.ts';
import { areCounted } from './oversell.ts';
import { comeToSameRow, type RowsWritten } from './same-rows.ts';
import { isSameTable, type Schemas, type Table } from './schemas.ts';
import { accessesOf, type TableAccess } from './tables-in-text.ts';

interface Access extends TableAccess {
  readonly passage: Passage;
  readonly at: number;
  readonly meant: Table;
  /** Where others can see it: at the COMMIT of its transaction. */
  readonly seenAt: number;
}

interface Stale {
  readonly read: Access;
  readonly between: Access;
  readonly used: Access;
}

/** What an order is asked with, in which something went wrong. */
export interface PairQuestions {
  readonly schemas: Schemas;
  /** Brings the rows into the state from which orders begin. */
  readonly setUp: () => Promise<void>;
  /** Whether more actors had what they wanted than in any serial order. */
  readonly areMoreServed: boolean;
}

/** What an order looks like. */
export interface FoundPair {
  readonly kind: AnomalyKind;
  readonly pair: StatementPair | undefined;
  /** The table that was read, where one is found. */
  readonly table: Table | undefined;
}

/** What went wrong in an order, as its statements tell: the last read of an actor that another one's write made out of date before it was used. */
export async function pairIn(run: OrderRun, questions: PairQuestions): Promise<FoundPair> {
  const all = accessesOfRun(run, questions.schemas);
  // What was rolled back has changed nothing.
  const accesses = all.filter(({ seenAt }) => run.passages[seenAt]?.exchange?.ended !== 'rolledBack');
  const writes = accesses.filter(({ type }) => type !== 'read');
  const found = writes.flatMap((used) => staleReads(used, accesses));
  const overwritten = await overwrittenIn(found, questions.setUp);
  const dirty = overwritten === undefined ? dirtyRead(run, all) : undefined;
  if (dirty !== undefined) return dirty;
  const best = overwritten ?? found[0];
  if (best !== undefined) {
    const isOversell =
      overwritten !== undefined && questions.areMoreServed && areCounted(best.read, [best.between, best.used]);
    const skew = best.between.type === 'insert' ? 'phantom' : 'write skew';
    const kind = isOversell ? 'oversell' : overwritten === undefined ? skew : 'lost update';
    return { kind, ...pairOf(best, 'wrote it') };
  }
  for (const again of accesses.filter(({ type }) => type === 'read')) {
    const stale = staleReads(again, accesses).find(({ read }) => isSameTable(read.meant, again.meant));
    if (stale === undefined) continue;
    const isOversell = questions.areMoreServed && areCounted(stale.read, [stale.between]);
    return { kind: isOversell ? 'oversell' : kindOfRead(stale), ...pairOf(stale, 'read it again') };
  }
  return { kind: 'other', pair: undefined, table: undefined };
}

function accessesOfRun(run: OrderRun, schemas: Schemas): readonly Access[] {
  return run.passages.flatMap((passage, at) => {
    const seenAt = endOf(run, at);
    return accessesIn(passage).map((access) => ({
      ...access,
      passage,
      at,
      seenAt,
      meant: schemas.tableAt(run, at, access.table),
    }));
  });
}

/** The first whose two writes come to a common row: where their words differ, the database is asked. */
async function overwrittenIn(found: readonly Stale[], setUp: () => Promise<void>): Promise<Stale | undefined> {
  const updates = found.filter(
    ({ used, between }) =>
      used.type === 'update' && between.type === 'update' && isSameTable(used.meant, between.meant),
  );
  const inSameWords = updates.find(({ used, between }) => used.rows === between.rows);
  if (inSameWords !== undefined) return inSameWords;
  const asked = new Set<string>();
  for (const stale of updates) {
    const { used, between } = stale;
    const key = JSON.stringify([used.statement.text, used.rows, between.statement.text, between.rows]);
    if (asked.has(key)) continue;
    asked.add(key);
    if (await comeToSameRow(rowsWrittenBy(used), rowsWrittenBy(between), setUp)) return stale;
  }
  return undefined;
}

function rowsWrittenBy({ passage, statement, meant }: Access): RowsWritten {
  return { client: passage.client, statement, meant };
}

/** A read at READ UNCOMMITTED of a table in which another one had written what it has not committed by then. */
function dirtyRead(run: OrderRun, accesses: readonly Access[]): FoundPair | undefined {
  for (const read of accesses) {
    if (read.type !== 'read' || !isUncommitted(run, read.seenAt, read.passage)) continue;
    const write = accesses.find(
      ({ type, meant, passage, at, seenAt }) =>
        type !== 'read' &&
        isSameTable(meant, read.meant) &&
        passage.actor !== read.passage.actor &&
        at < read.at &&
        seenAt > read.at,
    );
    if (write !== undefined) return { kind: 'dirty read', pair: dirtyPair(read, write), table: read.meant };
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
function staleReads(used: Access, accesses: readonly Access[]): readonly Stale[] {
  return accesses
    .filter(({ type, passage, at }) => type === 'read' && passage.actor === used.passage.actor && at < used.at)
    .flatMap((read) =>
      accesses
        .filter(
          ({ type, meant, passage, at, seenAt }) =>
            type !== 'read' &&
            isSameTable(meant, read.meant) &&
            passage.actor !== used.passage.actor &&
            seenAt > read.at &&
            (used.type === 'read' ? seenAt : at) < used.at,
        )
        .map((between) => ({ read, between, used })),
    );
}

/** What has changed no row has written nothing. */
function accessesIn({ statements, exchange }: Passage): readonly TableAccess[] {
  if (exchange === undefined || exchange.failure !== undefined) return [];
  return statements.flatMap((statement, at) => {
    const result = exchange.results[at];
    const isIdle = result !== undefined && countOf(result) === 0;
    return accessesOf(statement).filter(({ type }) => type === 'read' || !isIdle);
  });
}

/** What is read twice: in one transaction and in the same words, it has to be the same. */
function kindOfRead({ read, between, used: again }: Stale): AnomalyKind {
  const isSame = read.seenAt === again.seenAt && read.rows === again.rows && textOf(read) === textOf(again);
  if (!isSame) return 'stale read';
  return between.type === 'insert' ? 'phantom' : 'non-repeatable read';
}

function textOf({ passage }: Access): string {
  return passage.statements.map(({ text }) => text).join(';');
}

function pairOf({ read, between, used }: Stale, verb: string): { readonly pair: StatementPair; readonly table: Table } {
  const actor = used.passage.actor.name;
  const other = between.passage.actor.name;
  const [readAt, usedAt] = [read.passage.place, used.passage.place];
  const isSame = isSameTable(used.meant, read.meant);
  const inWords = `${actor} read ${read.table}${inWordsAt(readAt)}, ${other} wrote it${inWordsAt(between.passage.place)}, and then ${actor} ${isSame ? verb : `wrote ${used.table}`}${inWordsAt(usedAt)}`;
  return { pair: { actor, other, table: read.table, readAt, usedAt, inWords }, table: read.meant };
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
