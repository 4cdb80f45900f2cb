import type { Database, Sql } from '../../../../index.ts';
import type { Address } from '../../servers/address.ts';
import { clientDefinition } from '../../servers/client-definition.ts';
import { isRefused, serverCodeOf, within } from '../../servers/failure.ts';
import type { Bench } from './bench.ts';
import { Connections, type Proxied } from './connections.ts';
import { factsOf, hasTwoSessions, poolerOf } from './facts.ts';
import { createSchema, dropSchema, findLeftovers, type Kind } from './schema.ts';

/** How a run is asked for. */
export interface BenchOptions {
  readonly address: Address;
  readonly schema: string;
  /** Of the whole run, in milliseconds. */
  readonly timeout: number;
  readonly signal: AbortSignal;
}

/** A bench, and how it is taken down again. */
export interface OpenBench {
  readonly bench: Bench;
  /** Schemas of other runs that may still be going on, or were killed a moment ago. */
  readonly leftovers: readonly string[];
  /** Drops the schema. @returns whether nothing is left of it */
  readonly close: () => Promise<boolean>;
}

/** How long the dropping of the schema may take, in milliseconds. */
const closeTimeout = 5_000;

/** @throws what the server says if it cannot be used at all */
export async function openBench({ address, schema, timeout, signal }: BenchOptions): Promise<OpenBench> {
  const kind: Kind = address.kind === 'mysql' ? 'mysql' : 'postgres';
  const connections = new Connections(address);
  const close = async (hasSchema: boolean): Promise<boolean> => {
    await connections.close();
    return !hasSchema || (await dropWithin(address, kind, schema));
  };
  let hasSchema = false;
  try {
    const definition = await clientDefinition(address, { applicationName: 'sluice verify' });
    const hasSessions = await hasTwoSessions(definition, signal);
    // Where there is one session, all goes through it.
    const only: Proxied | undefined = hasSessions ? undefined : await connections.openProxied();
    const database = hasSessions ? await connections.open() : (only?.database ?? (await connections.openAlone()));
    const facts = await factsOf(database, { kind, hasSessions });
    const pooler = hasSessions
      ? await poolerOf(definition, address, signal)
      : { pooler: undefined, preparesBehindPooler: undefined };
    const leftovers = facts.isReadOnly ? [] : await dropLeftovers(database, kind);
    // Before it is tried: a part of it may be there if it fails.
    hasSchema = !facts.isReadOnly;
    const made = facts.isReadOnly
      ? { why: 'The server, or the user, takes no writes' }
      : await tryCreate(database, { kind, schema, timeout });
    hasSchema = made.item !== undefined;
    // Kept to what an int holds, and from one run to the next hardly the same.
    let last = Math.floor(Math.random() * 1e9);
    const bench: Bench = {
      kind,
      ...facts,
      ...pooler,
      item: made.item,
      withoutItem: made.why ?? '',
      database,
      signal,
      open: (options) => connections.open(options),
      openProxied: async () => (hasSessions ? await connections.openProxied() : only),
      openResolving: () => connections.openProxied({ resolveCommitIn: schema }),
      number: () => (last += 1),
    };
    return { bench, leftovers, close: () => close(hasSchema) };
  } catch (error) {
    await close(hasSchema && !isThereAlready(error));
    throw error;
  }
}

async function tryCreate(
  database: Database,
  { kind, schema, timeout }: { readonly kind: Kind; readonly schema: string; readonly timeout: number },
): Promise<{ readonly item?: Sql; readonly why?: string }> {
  try {
    return { item: await createSchema(database, kind, { name: schema, timeout }) };
  } catch (error) {
    if (!isRefused(error)) throw error;
    const missing = kind === 'mysql' ? 'CREATE, and all on the database that it makes' : 'CREATE ON DATABASE';
    return { why: `This user may not create a schema: GRANT ${missing}` };
  }
}

/** It is of others: it was not made here. */
function isThereAlready(error: unknown): boolean {
  return /^42P06$|DB_CREATE_EXISTS/.test(serverCodeOf(error) ?? '');
}

async function dropLeftovers(database: Database, kind: Kind): Promise<readonly string[]> {
  const { over, inUse } = await findLeftovers(database);
  const kept: string[] = [];
  for (const name of over) if (!(await dropSchema(database, kind, name).catch(() => false))) kept.push(name);
  return [...inUse, ...kept];
}

/** On a connection of its own: those of the run may be lost. */
async function dropWithin(address: Address, kind: Kind, schema: string): Promise<boolean> {
  const connections = new Connections(address);
  try {
    const work = connections.openAlone().then((database) => dropSchema(database, kind, schema));
    return await within(closeTimeout, work);
  } catch {
    return false;
  } finally {
    await connections.close();
  }
}
