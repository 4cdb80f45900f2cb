// Prisma on a pool of its own, and bound.
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PrismaPg } from '@prisma/adapter-pg';
import { afterAll } from 'vitest';
import { ambientPool } from '../../../src/drivers/postgres/index.ts';
import { bindPrisma } from '../../../src/integrations/prisma/index.ts';
import { generatePrismaClient, type PrismaOptions, type ProductClient } from '../../support/prisma-client.ts';
import { rejection } from '../../support/settled.ts';
import type { Openings, Usage } from './suite.ts';

const folder = mkdtempSync(join(fileURLToPath(new URL('.', import.meta.url)), '.prisma-'));
export const PrismaClient: new (options: PrismaOptions) => ProductClient = await generatePrismaClient(folder);
afterAll(() => rmSync(folder, { recursive: true }));

const options = { log: [{ emit: 'event', level: 'query' }] } as const;

export const openings: Openings<ProductClient> = {
  alone: (url) => new PrismaClient({ ...options, adapter: new PrismaPg({ connectionString: url, max: 4 }) }),
  bound: (database) =>
    bindPrisma(new PrismaClient({ ...options, adapter: new PrismaPg(ambientPool(database)) }), database),
  close: (client) => client.$disconnect(),
};

export type PrismaUsage = Usage<ProductClient>;

/** What users look at in an error of Prisma. */
export async function shapeOf(promise: PromiseLike<unknown>): Promise<object> {
  const error = await rejection(Promise.resolve(promise));
  const { name, code } = error;
  const meta = (error['meta'] ?? {}) as { modelName?: unknown; driverAdapterError?: { cause?: object } };
  const { originalCode, kind } = (meta.driverAdapterError?.cause ?? {}) as Record<string, unknown>;
  return { name, class: error.constructor.name, code, model: meta.modelName, kind, originalCode };
}

export class Refusal extends Error {}

export const refuse = (): never => {
  throw new Refusal('refused');
};
