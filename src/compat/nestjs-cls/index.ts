export type {
  AnyAdapterOptions,
  AnyTransactionalAdapter,
  Transaction,
  TransactionalAdapter,
  TransactionalAdapterOptions,
  TransactionalOptionsAdapterFactory,
  TransactionalPluginOptions,
  TransactionOptionsOf,
} from './adapter.ts';
export {
  type AnyDrizzleClient,
  type DrizzleOrmTransactionalAdapterOptions,
  type KnexTransactionalAdapterOptions,
  type KyselyTransactionalAdapterOptions,
  type KyselyTransactionOptions,
  TransactionalAdapterDrizzleOrm,
  TransactionalAdapterKnex,
  TransactionalAdapterKysely,
  TransactionalAdapterTypeOrm,
  type TypeOrmTransactionalAdapterOptions,
  type TypeOrmTransactionOptions,
} from './adapters.ts';
export { Transactional } from './decorator.ts';
export {
  TransactionAlreadyActiveError,
  TransactionNotActiveError,
  TransactionPropagationError,
  TransactionProxyUnsupportedError,
} from './errors.ts';
export {
  getTransactionHostToken,
  getTransactionToken,
  InjectTransaction,
  InjectTransactionHost,
  TransactionHost,
} from './host.ts';
export { NoOpTransactionalAdapter, type NoOpTransactionalAdapterOptions } from './no-op.ts';
export { ClsPluginTransactional } from './plugin.ts';
export {
  type AnyTransactionClient,
  type PrismaClient,
  type PrismaTransactionalAdapterOptions,
  type PrismaTransactionalClient,
  type PrismaTransactionOptions,
  TransactionalAdapterPrisma,
} from './prisma-adapter.ts';
export { Propagation } from './propagation.ts';
