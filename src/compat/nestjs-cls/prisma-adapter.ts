import { randomUUID } from 'node:crypto';
import type * as generated from '@prisma/client';
import { anObject, anything, oneOf, readOptions } from '../../core/index.ts';
import { beginsAlike, type TransactionalAdapterOptions, within } from './adapter.ts';

/** As much of a client of Prisma as the adapter needs. */
export interface AnyTransactionClient {
  /** Runs a function in an interactive transaction. */
  $transaction: (...args: never[]) => Promise<unknown>;
}

/** The client of a module that Prisma has generated. Its constructor is generic, so that its prototype is asked. */
export type GeneratedClient<TModule> = TModule extends { readonly PrismaClient: { readonly prototype: infer Client } }
  ? Client extends AnyTransactionClient
    ? Client
    : AnyTransactionClient
  : AnyTransactionClient;

/** The client that Prisma has generated into its own package, where it has. */
export type PrismaClient = GeneratedClient<typeof generated>;

/** The transaction of a client of Prisma. It is not inferred, since the types of a client with extensions may be circular. */
export type PrismaTransactionalClient<TClient extends AnyTransactionClient = PrismaClient> = Omit<
  TClient,
  '$connect' | '$disconnect' | '$extends' | '$on' | '$use'
>;
/** The options of its transactions. */
export type PrismaTransactionOptions<TClient extends AnyTransactionClient = PrismaClient> = NonNullable<
  Parameters<TClient['$transaction']>[1]
>;

/** Options of `TransactionalAdapterPrisma`. */
export interface PrismaTransactionalAdapterOptions<TClient extends AnyTransactionClient = PrismaClient> {
  /** The token under which Nest has the client. */
  readonly prismaInjectionToken: unknown;
  /** What transactions begin with, unless a call says otherwise. */
  readonly defaultTxOptions?: Partial<PrismaTransactionOptions<TClient>>;
  /** For savepoints on a client that is not one of Sluice; without it a nested transaction is a new one there. */
  readonly sqlFlavor?: 'postgresql' | 'mysql' | 'mariadb' | 'sqlite' | undefined;
}

interface Interactive<TTx> {
  $transaction(run: (tx: TTx) => Promise<unknown>, options: unknown): Promise<unknown>;
}

interface RawTransaction {
  $executeRawUnsafe(text: string): Promise<unknown>;
}

/** Transactions of Prisma; of Sluice, where its client was bound by `bindPrisma`. */
export class TransactionalAdapterPrisma<TClient extends AnyTransactionClient = PrismaClient> {
  /** The token of the client. */
  readonly connectionToken: unknown;
  /** What transactions begin with. */
  readonly defaultTxOptions: Partial<PrismaTransactionOptions<TClient>> | undefined;
  readonly #hasSavepoints: boolean;

  constructor(options: PrismaTransactionalAdapterOptions<TClient>) {
    const checks = {
      prismaInjectionToken: anything,
      defaultTxOptions: anObject,
      sqlFlavor: oneOf(['postgresql', 'mysql', 'mariadb', 'sqlite']),
    };
    const read = readOptions('TransactionalAdapterPrisma', options, checks, ['prismaInjectionToken']);
    this.connectionToken = read.prismaInjectionToken;
    this.defaultTxOptions = read.defaultTxOptions;
    this.#hasSavepoints = read.sqlFlavor !== undefined;
  }

  /** Is called once with the client. */
  readonly optionsFactory = (
    prisma: TClient,
  ): TransactionalAdapterOptions<PrismaTransactionalClient<TClient>, PrismaTransactionOptions<TClient>, unknown> & {
    readonly [beginsAlike]: true;
  } => ({
    wrapWithTransaction: (options, fn, setTx) =>
      (prisma as unknown as Interactive<PrismaTransactionalClient<TClient>>).$transaction(
        (tx) => within(tx, setTx, fn),
        options,
      ),
    ...(this.#hasSavepoints
      ? {
          wrapWithNestedTransaction: (_options, fn, setTx, tx) => {
            setTx(tx);
            return withSavepoint(tx as unknown as RawTransaction, fn);
          },
        }
      : {}),
    getFallbackInstance: () => prisma,
    [beginsAlike]: true,
  });
}

async function withSavepoint<Result>(tx: RawTransaction, fn: () => Promise<Result>): Promise<Result> {
  const name = `nested_${randomUUID().replaceAll('-', '_')}`;
  await tx.$executeRawUnsafe(`SAVEPOINT ${name}`);
  let result: Result;
  try {
    result = await fn();
  } catch (error) {
    await tx.$executeRawUnsafe(`ROLLBACK TO SAVEPOINT ${name}`);
    throw error;
  }
  await tx.$executeRawUnsafe(`RELEASE SAVEPOINT ${name}`);
  return result;
}
