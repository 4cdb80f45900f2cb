import type { Db, TransactionOptions } from '../../index.ts';

/** MikroORM's words for propagation. */
export type MikroPropagation =
  | 'required'
  | 'requires_new'
  | 'nested'
  | 'not_supported'
  | 'supports'
  | 'mandatory'
  | 'never';

type Body = (em: unknown) => unknown;

interface OwnOptions {
  readonly propagation?: MikroPropagation | undefined;
}

/** What is used of an entity manager. */
export interface EntityManagerLike {
  isInTransaction(): boolean;
  fork(options?: object): EntityManagerLike;
  transactional(body: Body, options?: OwnOptions): Promise<unknown>;
  /** Settings for row level security that go with MikroORM's own transactions; not in every version. */
  getTransactionSessionContext?(): unknown;
}

/** What entity managers inherit from here, by what they inherit from in MikroORM. */
type Adopted = Map<object, object>;

/**
 * Lets an entity manager, and those that are forked from it, know the ambient transaction: `flush` joins it, locks are to be
 * had in it, and MikroORM's words for propagation mean it too. Changes the object, and returns it.
 */
export function adopt(em: EntityManagerLike, db: Db): EntityManagerLike {
  return adoptOne(em, db, new Map());
}

/** By what it inherits from, since there is a fork for each request and each transaction. */
function adoptOne(em: EntityManagerLike, db: Db, adopted: Adopted): EntityManagerLike {
  const prototype = Object.getPrototypeOf(em) as EntityManagerLike;
  if (Object.hasOwn(prototype, isOurs)) return em;
  const ours = adopted.get(prototype) ?? inheriting(prototype, db, adopted);
  adopted.set(prototype, ours);
  return Object.setPrototypeOf(em, ours) as EntityManagerLike;
}

const isOurs = Symbol('knows the ambient transaction');

function inheriting(prototype: EntityManagerLike, db: Db, adopted: Adopted): object {
  const methods = {
    // What row level security sets, MikroORM sets where a transaction of its own begins.
    isInTransaction(): boolean {
      const isInOwn = prototype.isInTransaction.call(this);
      return isInOwn || (db.inTransaction && this.getTransactionSessionContext?.() === undefined);
    },
    fork(options?: object): EntityManagerLike {
      return adoptOne(prototype.fork.call(this, options), db, adopted);
    },
    transactional(body: Body, options: OwnOptions = {}): Promise<unknown> {
      const around = aroundOf(options.propagation);
      const { propagation } = options;
      // A copy, since MikroORM fills it in.
      const run = (): Promise<unknown> =>
        prototype.transactional.call(this, body, { ...options, ...insteadOf(propagation, db) });
      return around === undefined ? run() : db.transaction.begin(run, { propagation: around });
    },
  } satisfies Partial<EntityManagerLike> & ThisType<EntityManagerLike>;
  return Object.assign(Object.create(prototype) as object, methods, { [isOurs]: true });
}

/** What MikroORM takes for the absence of a transaction has to be one. */
function aroundOf(propagation: MikroPropagation | undefined): TransactionOptions['propagation'] {
  if (propagation === 'requires_new' || propagation === 'not_supported') return 'NOT_SUPPORTED';
  return propagation === 'never' ? 'NEVER' : undefined;
}

/** There is a transaction, although MikroORM has begun none. */
function insteadOf(propagation: MikroPropagation | undefined, db: Db): OwnOptions {
  return propagation === 'mandatory' && db.inTransaction ? { propagation: 'required' } : {};
}
