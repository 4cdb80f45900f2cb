import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { PrismaPg } from '@prisma/adapter-pg';

export const name = 'Prisma';

const folder = fileURLToPath(new URL('../node_modules/.prisma-bench/', import.meta.url));
const schema = `generator client {
  provider = "prisma-client-js"
  output = "./client"
}
datasource db {
  provider = "postgresql"
}
model Unused {
  id Int @id
}
`;

export async function open({ url, width, update, read }) {
  if (!existsSync(`${folder}client/index.js`)) generate();
  const { default: generated } = await import(`${folder}client/index.js`);
  const prisma = new generated.PrismaClient({ adapter: new PrismaPg({ connectionString: url, max: width }) });
  const run = (body, { isolation } = {}) =>
    prisma.$transaction(
      (tx) => body({ update: (id) => tx.$executeRawUnsafe(update, id) }),
      // Its own limits are for whoever waits too long, not for a benchmark.
      { maxWait: 60_000, timeout: 60_000, isolationLevel: isolation === undefined ? undefined : 'Serializable' },
    );
  return {
    run,
    requiresNew: run,
    read: (id) => prisma.$queryRawUnsafe(read, id),
    close: () => prisma.$disconnect(),
  };
}

function generate() {
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}schema.prisma`, schema);
  const cli = fileURLToPath(new URL('../node_modules/prisma/build/index.js', import.meta.url));
  // Generating needs no engine, and the command would otherwise download one.
  const env = { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, CHECKPOINT_DISABLE: '1' };
  execFileSync(process.execPath, [cli, 'generate', '--schema', `${folder}schema.prisma`], { env, stdio: 'pipe' });
}
