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
export declare class EntityManagerLike {
  isInTransaction(): boolean;
  fork(options?: object): EntityManagerLike;
  transactional(body: Body, options?: OwnOptions): Promise<unknown>;
  /** Settings for row level security that go with MikroORM's own transactions; not in every version. */
  getTransactionSessionContext?(): unknown;
}

type EntityManagerClass = new (...args: unknown[]) => EntityManagerLike;

const knowsAmbient: unique symbol = Symbol.for('sluice.knows-ambient') as never;

/**
 * Lets an entity manager, and those that are forked from it, know the ambient transaction: `flush` joins it, locks are to be
 * had in it, and MikroORM's words for propagation mean it too. Changes the object, and returns it.
 */
export function adopt(em: EntityManagerLike, db: Db): EntityManagerLike {
  // A class, since there is a fork for each request and each transaction: MikroORM makes it by the constructor of its source.
  return knowsAmbient in em ? em : inherit(em, adoptedClass(em.constructor as EntityManagerClass, db));
}

function inherit(em: EntityManagerLike, { prototype }: EntityManagerClass): EntityManagerLike {
  return Object.setPrototypeOf(em, prototype as object) as EntityManagerLike;
}

function adoptedClass(Own: EntityManagerClass, db: Db): EntityManagerClass {
  const Adopted = class extends Own {
    get [knowsAmbient](): boolean {
      return true;
    }
    // What row level security sets, MikroORM sets where a transaction of its own begins.
    override isInTransaction(): boolean {
      return super.isInTransaction() || (db.inTransaction && this.getTransactionSessionContext?.() === undefined);
    }
    override fork(options?: object): EntityManagerLike {
      const fork = super.fork(options);
      return knowsAmbient in fork ? fork : inherit(fork, Adopted);
    }
    override transactional(body: Body, options: OwnOptions = {}): Promise<unknown> {
      const around = aroundOf(options.propagation);
      // A copy, since MikroORM fills it in.
      const run = (): Promise<unknown> =>
        super.transactional(body, { ...options, ...insteadOf(options.propagation, db) });
      return around === undefined ? run() : db.transaction.begin(run, { propagation: around });
    }
  };
  Object.defineProperty(Adopted, 'name', { value: Own.name });
  return Adopted;
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
