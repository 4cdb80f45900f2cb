import { asBound, assertBegun, type clientOf, type OwnTransactions, type OutsideOfOwn } from '../../library/index.ts';
import type { MikroPropagation } from './entity-manager.ts';

/** A connection of MikroORM: every entry that opens a transaction comes through this one, with its body. */
export interface WithTransactional {
  transactional(body: unknown, options?: TransactionalOptions): Promise<unknown>;
  begin(options?: TransactionalOptions): Promise<object>;
  /** The Kysely over the pool. */
  getClient(): object;
}

type Body = (ctx: object) => unknown;

interface TransactionalOptions {
  readonly eventBroadcaster?: Broadcaster | undefined;
  readonly propagation?: MikroPropagation | undefined;
  /** The transaction that it nests in, as its body got it. */
  readonly ctx?: object | undefined;
}

/** Tells MikroORM's subscribers of a transaction. */
interface Broadcaster {
  dispatchEvent(event: string, transaction?: unknown): Promise<void>;
}

interface Owns {
  readonly client: ReturnType<typeof clientOf>;
  readonly nested: OwnTransactions;
  /** For what is to join where there is a transaction. */
  readonly joined: OwnTransactions;
}

/** On what MikroORM has for a transaction: what opens transactions in it. Weak maps would be dear. */
const handleOf: unique symbol = Symbol.for('sluice.handle-of') as never;
/** It was begun, by hand where it has no handle. */
const isBegun: unique symbol = Symbol.for('sluice.begun') as never;
interface Begun {
  [handleOf]?: OwnTransactions;
  [isBegun]?: boolean;
}

/** Lets the transactions of the connection be ambient ones. */
export function bindConnection(connection: WithTransactional, { client, nested, joined }: Owns): void {
  const transactional = connection.transactional.bind(connection);
  const begin = connection.begin.bind(connection);
  Object.assign(connection, {
    async begin(options?: TransactionalOptions): Promise<object> {
      const ctx = await asBound(client, () => begin(options));
      (ctx as Begun)[isBegun] = true;
      return ctx;
    },
    transactional(body: unknown, options: TransactionalOptions = {}): Promise<unknown> {
      const { ctx } = options;
      const handle = ctx === undefined ? undefined : (ctx as Begun)[handleOf];
      // A sibling of the scope that was begun by hand would wait for its end.
      if (handle === undefined && ctx !== undefined && (ctx as Begun)[isBegun] === true)
        return transactional(body, options);
      const own = handle ?? (options.propagation === 'required' ? joined : nested);
      return own.run((outside) => {
        const ours = (inner: object): unknown => {
          assertBegun('MikroORM');
          (inner as Begun)[handleOf] = nested.ofHandle();
          return (body as Body)(inner);
        };
        const eventBroadcaster = toldOutside(options.eventBroadcaster, outside);
        return transactional(typeof body === 'function' ? ours : body, { ...options, eventBroadcaster });
      });
    },
  });
}

/** Subscribers to a commit run outside of the transaction, which is over. */
function toldOutside(broadcaster: Broadcaster | undefined, outside: OutsideOfOwn): Broadcaster | undefined {
  return (
    broadcaster && {
      dispatchEvent: (event, transaction) => {
        const dispatch = (): Promise<void> => broadcaster.dispatchEvent(event, transaction);
        return event === 'afterTransactionCommit' ? outside(dispatch) : dispatch();
      },
    }
  );
}
