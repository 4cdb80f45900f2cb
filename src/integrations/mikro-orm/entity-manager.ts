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

const adopted = new WeakSet<object>();

/**
 * Lets an entity manager, and those that are forked from it, know the ambient transaction: `flush` joins it, locks are to be
 * had in it, and MikroORM's words for propagation mean it too. Changes the object, and returns it.
 */
export function adopt(em: EntityManagerLike, db: Db): EntityManagerLike {
  if (adopted.has(em)) return em;
  adopted.add(em);
  const isInTransaction = em.isInTransaction.bind(em);
  const fork = em.fork.bind(em);
  const transactional = em.transactional.bind(em);
  return Object.assign(em, {
    // What row level security sets, MikroORM sets where a transaction of its own begins.
    isInTransaction: () => isInTransaction() || (db.inTransaction && em.getTransactionSessionContext?.() === undefined),
    fork: (options?: object) => adopt(fork(options), db),
    transactional(body: Body, options: OwnOptions = {}): Promise<unknown> {
      const around = aroundOf(options.propagation);
      // A copy, since MikroORM fills it in.
      const run = (): Promise<unknown> => transactional(body, { ...options, ...insteadOf(options.propagation, db) });
      return around === undefined ? run() : db.transaction.begin(run, { propagation: around });
    },
  });
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
