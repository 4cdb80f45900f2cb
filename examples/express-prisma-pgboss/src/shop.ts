import { PrismaPg } from '@prisma/adapter-pg';
import { createDatabase, type Database } from 'sluice';
import { ambientPool, postgres } from 'sluice/postgres';
import { bindPrisma } from 'sluice/prisma';
import { createJobs, type Jobs } from 'sluice/queue';
import { pgBoss } from 'sluice/queue/pg-boss';
import { PrismaClient } from '../generated/client.ts';
import { queues } from './queues.ts';

/** What each process of the shop has: they share the database, and the queues in it. */
export interface Shop {
  readonly database: Database;
  readonly prisma: PrismaClient;
  readonly jobs: Jobs<typeof queues>;
}

export function openShop(
  connectionString = process.env['DATABASE_URL'] ?? 'postgres://localhost/shop',
  max = Number(process.env['POOL_SIZE'] ?? 10),
): Shop {
  const database = createDatabase({ clients: { default: postgres({ connectionString, max }) } });
  const prisma = bindPrisma(new PrismaClient({ adapter: new PrismaPg(ambientPool(database)) }), database);
  const jobs = createJobs(database, { queues, engine: pgBoss({ connectionString }) });
  return { database, prisma, jobs };
}
