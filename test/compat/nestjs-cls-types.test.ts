import { describe, expectTypeOf, it } from 'vitest';
import type * as shim from '../../src/compat/nestjs-cls/index.ts';
import type { GeneratedClient } from '../../src/compat/nestjs-cls/prisma-adapter.ts';

interface Models {
  readonly product: { count(): Promise<number> };
}

interface ClientOptions {
  readonly log?: string[];
}
type Given<Options extends ClientOptions> = [ClientOptions] extends [Options]
  ? ClientOptions
  : { [Key in keyof Options]: Key extends keyof ClientOptions ? Options[Key] : never };

/** As much as counts of the class that Prisma generates: its constructor and its transactions are generic. */
declare class GeneratedPrismaClient<
  Options extends ClientOptions = ClientOptions,
  const Event = 'log' extends keyof Options
    ? Options['log'] extends string[]
      ? Options['log'][number]
      : never
    : never,
> implements Models {
  constructor(options?: Given<Options>);
  readonly product: Models['product'];
  $on(event: Event, listener: (event: Event) => void): void;
  $connect(): Promise<void>;
  $transaction<Queries extends Promise<unknown>[]>(
    queries: [...Queries],
    options?: { timeout?: number },
  ): Promise<Queries>;
  $transaction<Result>(
    body: (tx: Omit<GeneratedPrismaClient, '$connect'>) => Promise<Result>,
    options?: { timeout?: number },
  ): Promise<Result>;
}

type Adapter<TClient extends shim.AnyTransactionClient> = shim.TransactionalAdapterPrisma<TClient>;

describe('types, as with the package', () => {
  it('the client is the one that Prisma has generated, and its transaction has the models', () => {
    type Client = GeneratedClient<{ readonly PrismaClient: typeof GeneratedPrismaClient }>;
    expectTypeOf<Client['product']>().toEqualTypeOf<Models['product']>();
    type Tx = shim.Transaction<Adapter<Client>>;
    expectTypeOf<Tx['product']>().toEqualTypeOf<Models['product']>();
    expectTypeOf<'$connect'>().not.toExtend<keyof Tx>();
    expectTypeOf<shim.PrismaTransactionOptions<Client>>().toEqualTypeOf<{ timeout?: number }>();
  });

  it('without one, it is any that has transactions', () => {
    expectTypeOf<GeneratedClient<object>>().toEqualTypeOf<shim.AnyTransactionClient>();
  });

  it('the functions of an adapter may be called by themselves', () => {
    type Wrap = ReturnType<Adapter<GeneratedPrismaClient>['optionsFactory']>['wrapWithTransaction'];
    expectTypeOf<() => Promise<string>>().toExtend<Parameters<Wrap>[1]>();
  });
});
