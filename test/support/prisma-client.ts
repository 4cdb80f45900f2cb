import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { PrismaPg } from '@prisma/adapter-pg';

export interface TransactionOptions {
  readonly isolationLevel?: 'Serializable' | 'RepeatableRead' | 'ReadCommitted' | 'ReadUncommitted';
  readonly timeout?: number;
  readonly maxWait?: number;
}

/** What the tests use of the client that Prisma generates for `product`. */
export interface ProductClient {
  readonly product: {
    create(args: { data: object }): PromiseLike<{ id: number }>;
    createMany(args: { data: readonly { id: number; stock?: number }[] }): PromiseLike<{ count: number }>;
    upsert(args: object): PromiseLike<{ id: number; stock: number }>;
    updateMany(args: object): PromiseLike<{ count: number }>;
    delete(args: { where: { id: number } }): PromiseLike<{ id: number }>;
    findUniqueOrThrow(args: { where: { id: number } }): PromiseLike<{ id: number; stock: number }>;
    findMany(args: { select: { id: true }; orderBy: { id: 'asc' } }): PromiseLike<{ id: number }[]>;
    findFirst(args?: object): PromiseLike<{ id: number; stock: number } | null>;
    update(args: {
      where: { id: number };
      data: { stock: number | { increment: number } };
    }): PromiseLike<{ id: number; stock: number }>;
    count(args?: object): PromiseLike<number>;
    findUnique(args: { where: { id: number } }): PromiseLike<{ id: number; stock: number } | null> & Reviewed;
  };
  $queryRaw(parts: TemplateStringsArray, ...values: unknown[]): PromiseLike<unknown>;
  $executeRaw(parts: TemplateStringsArray, ...values: unknown[]): PromiseLike<number>;
  $queryRawUnsafe(sql: string, ...values: unknown[]): PromiseLike<unknown>;
  $executeRawUnsafe(sql: string, ...values: unknown[]): PromiseLike<number>;
  $transaction<Result>(
    body: (transaction: ProductClient) => Promise<Result>,
    options?: TransactionOptions,
  ): Promise<Result>;
  $transaction(queries: readonly PromiseLike<unknown>[], options?: TransactionOptions): Promise<unknown[]>;
  $on(event: 'query', listener: (event: { readonly query: string }) => void): unknown;
  $extends(extension: object): ProductClient;
  $disconnect(): Promise<void>;
}

/** The query for what belongs to one. */
interface Reviewed {
  reviews(args?: object): PromiseLike<{ id: number }[] | null>;
}

export interface PrismaOptions {
  readonly adapter: PrismaPg;
  readonly transactionOptions?: TransactionOptions;
  readonly log?: readonly { readonly emit: 'event'; readonly level: 'query' }[];
}

/** What Prisma 6 has to be told, and 7 does not take. */
const before7 = { generator: 'engineType = "client"', datasource: 'url = "postgresql://localhost"' };

const schemaOf = (major: number): string => `generator client {
  provider = "prisma-client"
  output = "./client"
  moduleFormat = "esm"
  importFileExtension = "ts"
  ${major < 7 ? before7.generator : ''}
}
datasource db {
  provider = "postgresql"
  ${major < 7 ? before7.datasource : ''}
}
model Product {
  id    Int @id
  stock Int @default(0)
  name  String?
  reviews Review[]
  @@map("product")
}
model Review {
  id        Int @id
  productId Int @map("product_id")
  product   Product @relation(fields: [productId], references: [id])
  @@map("review")
}
`;

/** The table of what belongs to a product, for tests that use it. */
export const reviewTable =
  'create table review (id int primary key, product_id int not null references product (id) on delete cascade)';

/** Where the Prisma is that is tested: see scripts/libraries.mjs. */
function packagesFolder(): string {
  const { SLUICE_LIBRARIES: libraries = '', SLUICE_LIBRARIES_FROM: folder } = process.env;
  const isOther = folder !== undefined && libraries.split(',').includes('prisma');
  return isOther ? join(folder, 'node_modules') : fileURLToPath(new URL('../../node_modules', import.meta.url));
}

/** Generates a client, as a program does before it is built. @returns its class */
export async function generatePrismaClient(folder: string): Promise<new (options: PrismaOptions) => ProductClient> {
  mkdirSync(folder, { recursive: true });
  const prisma = join(packagesFolder(), 'prisma');
  const { version } = JSON.parse(readFileSync(join(prisma, 'package.json'), 'utf8')) as { version: string };
  writeFileSync(join(folder, 'schema.prisma'), schemaOf(Number.parseInt(version, 10)));
  const cli = join(prisma, 'build/index.js');
  const env = {
    ...process.env,
    // Generating needs no engine, and the command would otherwise download the one for migrations.
    PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
    PRISMA_HIDE_UPDATE_MESSAGE: '1',
    CHECKPOINT_DISABLE: '1',
  };
  execFileSync(process.execPath, [cli, 'generate', '--schema', join(folder, 'schema.prisma')], { env, stdio: 'pipe' });
  const { PrismaClient } = (await import(pathToFileURL(join(folder, 'client/client.ts')).href)) as {
    PrismaClient: new (options: PrismaOptions) => ProductClient;
  };
  return PrismaClient;
}
