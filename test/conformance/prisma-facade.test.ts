// What a program does with a client of Prisma besides asking it: it is the same on a bound one.
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { PrismaPg } from '@prisma/adapter-pg';
import { afterAll, expect, it } from 'vitest';
import { ambientPool } from '../../src/drivers/postgres/index.ts';
import { bindPrisma } from '../../src/integrations/prisma/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { generatePrismaClient, type ProductClient } from '../support/prisma-client.ts';

const folder = mkdtempSync(join(fileURLToPath(new URL('.', import.meta.url)), '.prisma-'));
const PrismaClient = await generatePrismaClient(folder);
afterAll(() => rmSync(folder, { recursive: true }));
const server = useTestDatabase();

type Use = (target: object) => unknown;
const uses: Record<string, Use> = {
  'a property that is defined once and for all': (target) => {
    Object.defineProperty(target, 'note', { value: 1 });
    return [Reflect.get(target, 'note'), 'note' in target];
  },
  'a property that is defined, changed and deleted': (target) => {
    Object.defineProperty(target, 'mock', { value: 1, configurable: true, writable: true });
    Reflect.set(target, 'mock', 2);
    const set: unknown = Reflect.get(target, 'mock');
    return [set, Reflect.deleteProperty(target, 'mock'), 'mock' in target];
  },
  'its names': (target) => Object.keys(target),
  'its own names and symbols': (target) => Reflect.ownKeys(target),
  'its descriptors': (target) => Object.getOwnPropertyNames(Object.getOwnPropertyDescriptors(target)),
  'a copy of it': (target) => Object.keys({ ...target }),
  'its type': (target) => [typeof target, Object.prototype.toString.call(target), target instanceof PrismaClient],
  'that it can be shown': (target) => typeof inspect(target, { depth: 0 }),
  'that it is extensible': (target) => Object.isExtensible(target),
};

it.each(Object.entries(uses))('%s', async (_name, use) => {
  const database = server.open();
  const make = (): ProductClient => new PrismaClient({ adapter: new PrismaPg(ambientPool(database)) });
  const outcome = (target: object): unknown => {
    try {
      return { value: use(target) };
    } catch (error) {
      return { error: String(error) };
    }
  };
  const [alone, bound] = [make(), bindPrisma(make(), database)];
  expect(outcome(bound)).toEqual(outcome(alone));
  expect(outcome(bound.product)).toEqual(outcome(alone.product));
  await Promise.all([alone.$disconnect(), bound.$disconnect()]);
});
