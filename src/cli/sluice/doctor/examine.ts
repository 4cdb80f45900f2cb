import { counted, harmless } from '../terminal/text.ts';
import { type Address, secretsOf, withoutSecrets } from '../servers/address.ts';
import { reasonOf, SilenceError } from '../servers/failure.ts';
import type { Pooler } from '../servers/pooler.ts';
import { databaseServer } from './databases/database-server.ts';
import type { Check, Examination, Finding, Settings } from './finding.ts';
import { mysqlChecks } from './mysql/index.ts';
import { postgresChecks } from './postgres/index.ts';
import { projectChecks } from './project/index.ts';
import { redisChecks } from './redis/index.ts';
import { redisTarget } from '../servers/redis-client.ts';
import { withRedis } from './redis/redis-server.ts';

/** Called before each thing that is looked at. */
export type Tell = (what: string) => void;

export async function examineProject(folder: string, node: string, tell: Tell): Promise<Examination> {
  const findings = await run(
    projectChecks,
    { folder, node },
    { tell: (name) => tell(`this project: ${name}`), secrets: [] },
  );
  return { kind: 'project', target: `Project ${harmless(folder)}`, facts: [`Node.js ${node}`], findings };
}

/** @throws UsageError for a URL that cannot be used */
export async function examineServer(address: Address, settings: Settings, tell: Tell): Promise<Examination> {
  return await (address.kind === 'redis' ? examineRedis : examineDatabase)(address, settings, tell);
}

async function examineDatabase(address: Address, settings: Settings, tell: Tell): Promise<Examination> {
  const { kind } = address;
  const unopened = await databaseServer(address, settings);
  const { target } = unopened;
  const secrets = secretsOf(address);
  try {
    tell(`${target}: connecting`);
    const server = await unopened.open();
    const checks = kind === 'mysql' ? mysqlChecks : postgresChecks;
    const findings = await run(checks, server, { tell: (name) => tell(`${target}: ${name}`), secrets });
    return { kind, target, facts: [server.product, ...factsOf(server.pooler, server.poolerPrepares)], findings };
  } catch (error) {
    return { kind, target, facts: [], findings: [unreachable(error, settings, secrets)] };
  } finally {
    await unopened.close();
  }
}

async function examineRedis(address: Address, settings: Settings, tell: Tell): Promise<Examination> {
  const target = redisTarget(address.url);
  const secrets = secretsOf(address);
  try {
    tell(`${target}: connecting`);
    return await withRedis(address.url, settings, async (server) => ({
      kind: 'redis',
      target,
      facts: [`Redis ${server.info.get('redis_version') ?? ''}`.trim()],
      findings: await run(redisChecks, server, { tell: (name) => tell(`${target}: ${name}`), secrets }),
    }));
  } catch (error) {
    return { kind: 'redis', target, facts: [], findings: [unreachable(error, settings, secrets)] };
  }
}

function factsOf(pooler: Pooler | undefined, prepares: boolean | undefined): readonly string[] {
  if (pooler === undefined) return [];
  const { mode, console } = pooler;
  const name = console === undefined ? 'a pooler' : `PgBouncer ${console.version}`;
  return [
    `behind ${name}${mode === 'unknown' ? '' : ` in ${mode} mode`}`,
    ...(console === undefined ? [] : [`default_pool_size ${console.poolSize}`]),
    ...(prepares === true ? ['preparedStatements: true works'] : []),
  ];
}

/** Runs checks one after the other. One that fails does not keep the others from running, unless the server is silent. */
async function run<Subject>(
  checks: readonly Check<Subject>[],
  subject: Subject,
  { tell, secrets }: { readonly tell: Tell; readonly secrets: readonly string[] },
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const [index, check] of checks.entries()) {
    tell(check.name);
    try {
      findings.push(...(await check.look(subject)));
    } catch (error) {
      const isSilent = error instanceof SilenceError;
      const left = checks.slice(index).map(({ name }) => name);
      findings.push(unseen(isSilent ? left : [check.name], withoutSecrets(reasonOf(error), secrets), isSilent));
      if (isSilent) break;
    }
  }
  return findings;
}

function unseen(names: readonly string[], reason: string, isSilent: boolean): Finding {
  return {
    code: 'NOT_CHECKED',
    severity: isSilent ? 'error' : 'warning',
    what: `${counted(names.length, 'thing')} could not be looked at (${names.join(', ')}): ${reason}`,
    remedy: isSilent
      ? 'See why the server does not answer, or give it more time with --timeout'
      : 'Let the user of this URL read it, or look yourself',
  };
}

function unreachable(error: unknown, { timeout }: Settings, secrets: readonly string[]): Finding {
  return {
    code: 'SERVER_UNREACHABLE',
    severity: 'error',
    what: `The server cannot be used: ${withoutSecrets(reasonOf(error), secrets)}`,
    remedy: `See whether it runs, and whether host, port, user and password are right; it had ${timeout} ms (--timeout)`,
  };
}
