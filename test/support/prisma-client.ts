import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { PrismaPg } from '@prisma/adapter-pg';

/** What the tests use of the client that Prisma generates for `product`. */
export interface ProductClient {
  readonly product: {
    create(args: { data: { id: number; stock?: number } }): PromiseLike<{ id: number }>;
    findMany(args: { select: { id: true }; orderBy: { id: 'asc' } }): PromiseLike<{ id: number }[]>;
    findFirst(args?: object): PromiseLike<{ id: number; stock: number } | null>;
    update(args: { where: { id: number }; data: { stock: number } }): PromiseLike<{ id: number; stock: number }>;
    count(args?: object): PromiseLike<number>;
    findUnique(args: { where: { id: number } }): PromiseLike<{ id: number; stock: number } | null>;
  };
  $queryRawUnsafe(sql: string, ...values: unknown[]): PromiseLike<unknown>;
  $executeRawUnsafe(sql: string, ...values: unknown[]): PromiseLike<number>;
  $transaction<Result>(
    body: (transaction: ProductClient) => Promise<Result>,
    options?: { isolationLevel?: 'Serializable' | 'ReadCommitted'; timeout?: number; maxWait?: number },
  ): Promise<Result>;
  $transaction(queries: readonly PromiseLike<unknown>[]): Promise<unknown[]>;
  $extends(extension: object): ProductClient;
  $disconnect(): Promise<void>;
}

interface PrismaOptions {
  readonly adapter: PrismaPg;
  readonly transactionOptions?: { readonly isolationLevel: 'Serializable' };
}

const schema = `generator client {
  provider = "prisma-client"
  output = "./client"
  moduleFormat = "esm"
  importFileExtension = "ts"
}
datasource db {
  provider = "postgresql"
}
model Product {
  id    Int @id
  stock Int @default(0)
  name  String?
  @@map("product")
}
`;

/** Generates a client, as a program does before it is built. @returns its class */
export async function generatePrismaClient(folder: string): Promise<new (options: PrismaOptions) => ProductClient> {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'schema.prisma'), schema);
  const cli = fileURLToPath(new URL('../../node_modules/prisma/build/index.js', import.meta.url));
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
