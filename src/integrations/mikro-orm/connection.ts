import { assertBegun, type InOwnTransaction, type OutsideOfOwn } from '../../ambient/index.ts';
import type { MikroPropagation } from './entity-manager.ts';

/** A connection of MikroORM: every entry that opens a transaction comes through this one, with its body. */
export interface WithTransactional {
  transactional(body: unknown, options?: TransactionalOptions): Promise<unknown>;
  /** The Kysely over the pool. */
  getClient(): object;
}

type Body = (...args: unknown[]) => unknown;

interface TransactionalOptions {
  readonly eventBroadcaster?: Broadcaster | undefined;
  readonly propagation?: MikroPropagation | undefined;
}

/** Tells MikroORM's subscribers of a transaction. */
interface Broadcaster {
  dispatchEvent(event: string, transaction?: unknown): Promise<void>;
}

interface Owns {
  readonly nested: InOwnTransaction;
  /** For what is to join where there is a transaction. */
  readonly joined: InOwnTransaction;
}

/** Lets the transactions of the connection be ambient ones. */
export function bindConnection(connection: WithTransactional, { nested, joined }: Owns): void {
  const transactional = connection.transactional.bind(connection);
  Object.assign(connection, {
    transactional(body: unknown, options: TransactionalOptions = {}): Promise<unknown> {
      const own = options.propagation === 'required' ? joined : nested;
      return own((outside) => {
        const ours = (...args: unknown[]): unknown => {
          assertBegun('MikroORM');
          return (body as Body)(...args);
        };
        const eventBroadcaster = toldOutside(options.eventBroadcaster, outside);
        return transactional(typeof body === 'function' ? ours : body, { ...options, eventBroadcaster });
      });
    },
  });
}

/** Whoever hears of a commit is outside of the transaction, which is over. */
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
