import type { TransactionalClient } from '../../../connection/index.ts';
import type { Step } from '../../../driver/index.ts';
import type { AreIndependent, Passage } from '../orders/index.ts';
import type { Catalog } from './catalog.ts';
import { type Footprint, footprintOf } from './footprint.ts';

/** A transaction that is open at some moment. */
interface Open {
  readonly level: string;
  /** How many exchanges it has had. */
  count: number;
  /** What it has written and locked. */
  readonly writes: Set<string>;
}

/** What an exchange does, given what came before it. */
interface Effect extends Footprint {
  /** What its own statements write and lock, for which it may have to wait. */
  readonly asksFor: ReadonlySet<string>;
  /** Whether it may decide what its transaction sees of all tables. */
  readonly takesSnapshot: boolean;
  /** Whether others see afterwards what it has written. */
  readonly publishes: boolean;
  readonly isSerializable: boolean;
}

/**
 * Says about two exchanges that are about to be sent whether it is known that their order makes no difference, neither to the rows
 * nor to what each of them is answered. What is not known to commute does not.
 *
 * - Two that come to a common table do not commute, unless both only read it. Tables that foreign keys tie together are one. The
 *   end of a transaction comes to all that the transaction has written or locked.
 * - What takes a snapshot does not commute with what publishes writes.
 * - What may have to wait for a lock of an open transaction commutes with nothing: who waits decides who ends a deadlock.
 * - Of PostgreSQL's SERIALIZABLE transactions nothing commutes: which one is refused depends on all of them.
 * - After a statement that may come to anything nothing commutes, in the same order.
 */
export class Commuting {
  readonly #catalogs: ReadonlyMap<TransactionalClient, Catalog>;
  readonly #footprints = new Map<Catalog, Map<string, Footprint | undefined>>();

  constructor(catalogs: ReadonlyMap<TransactionalClient, Catalog>) {
    this.#catalogs = catalogs;
  }

  /** `past` is what was sent before, all of it answered. */
  readonly areIndependent: AreIndependent = (past, one, other) => {
    if ([...this.#catalogs.values()].some(({ isUnclear }) => isUnclear) || one.connection === other.connection)
      return false;
    if (past.some((passage) => this.#footprint(passage) === undefined)) return false;
    const open = this.#openAfter(past);
    const [first, second] = [this.#effect(one, open), this.#effect(other, open)];
    if (first === undefined || second === undefined) return false;
    return (
      !meets(first.writes, second) &&
      !meets(second.writes, first) &&
      !(first.takesSnapshot && second.publishes) &&
      !(second.takesSnapshot && first.publishes) &&
      !(first.isSerializable && second.isSerializable) &&
      !mayWait(one, first, open) &&
      !mayWait(other, second, open)
    );
  };

  #openAfter(past: readonly Passage[]): ReadonlyMap<Passage['connection'], Open> {
    const open = new Map<Passage['connection'], Open>();
    for (const passage of past) {
      const { connection, exchange } = passage;
      const transaction = this.#begun(passage) ?? open.get(connection);
      if (transaction === undefined) continue;
      open.set(connection, transaction);
      transaction.count += 1;
      for (const table of this.#footprint(passage, transaction)?.writes ?? []) transaction.writes.add(table);
      if (exchange?.ended !== undefined) open.delete(connection);
    }
    return open;
  }

  #begun({ steps, client }: Passage): Open | undefined {
    const begin = steps.find(({ type }) => type === 'begin');
    if (begin?.type !== 'begin') return undefined;
    const level = begin.characteristics.isolation ?? this.#catalogs.get(client)?.usualLevel ?? '';
    return { level, count: 0, writes: new Set() };
  }

  #effect(passage: Passage, open: ReadonlyMap<Passage['connection'], Open>): Effect | undefined {
    const { steps, client, connection } = passage;
    const transaction = this.#begun(passage) ?? open.get(connection);
    const own = this.#footprint(passage, transaction);
    if (own === undefined) return undefined;
    const held = steps.some(isFreeing) ? (transaction?.writes ?? []) : [];
    const writes = new Set([...own.writes, ...held]);
    const isMysql = client.driver.dialect === 'mysql';
    const isByStatement = transaction === undefined || byStatement.has(transaction.level);
    return {
      reads: own.reads,
      writes,
      asksFor: own.writes,
      // InnoDB takes it with the first consistent read, which a statement need not come to.
      takesSnapshot: !isByStatement && (isMysql || transaction.count === 0),
      publishes: writes.size > 0 && (transaction === undefined || steps.some(({ type }) => type === 'commit')),
      isSerializable: !isMysql && transaction?.level === 'SERIALIZABLE',
    };
  }

  /** What its statements come to. */
  #footprint({ client, statements }: Passage, transaction?: Open): Footprint | undefined {
    const reads = new Set<string>();
    const writes = new Set<string>();
    for (const { text } of statements) {
      const found = this.#footprintOf(text, this.#catalogs.get(client));
      if (found === undefined) return undefined;
      // InnoDB locks what it reads.
      const isLocking = transaction?.level === 'SERIALIZABLE' && client.driver.dialect === 'mysql';
      for (const table of found.reads) (isLocking ? writes : reads).add(table);
      for (const table of found.writes) writes.add(table);
    }
    return { reads, writes };
  }

  #footprintOf(text: string, catalog: Catalog | undefined): Footprint | undefined {
    if (catalog === undefined) return undefined;
    const known = this.#footprints.get(catalog) ?? new Map<string, Footprint | undefined>();
    this.#footprints.set(catalog, known);
    if (!known.has(text)) known.set(text, footprintOf(text, catalog));
    return known.get(text);
  }
}

/** Levels at which each statement sees what is newest. */
const byStatement: ReadonlySet<string> = new Set(['READ_UNCOMMITTED', 'READ_COMMITTED']);

/** Whether it may give up locks. */
function isFreeing({ type }: Step): boolean {
  return type === 'commit' || type === 'rollback' || type === 'rollbackTo';
}

function meets(tables: ReadonlySet<string>, { reads, writes }: Footprint): boolean {
  return [...tables].some((table) => reads.has(table) || writes.has(table));
}

function mayWait(
  { connection }: Passage,
  { asksFor }: Effect,
  open: ReadonlyMap<Passage['connection'], Open>,
): boolean {
  return [...open].some(([of, { writes }]) => of !== connection && [...asksFor].some((table) => writes.has(table)));
}
