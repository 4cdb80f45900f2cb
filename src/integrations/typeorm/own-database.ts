import { createDatabase } from '../../index.ts';
import { clientFor, engines, isType } from './client.ts';
import type { DatabaseSource } from './data-source.ts';
import { clientOptionsIn, type OptionsOf, readPool, refuseOptions } from './options.ts';

type EngineOptions = OptionsOf<'postgres'> | OptionsOf<'mysql' | 'mariadb'>;

/**
 * A database that lives as long as its data source, on the engine and server that TypeORM's options name.
 * @param owner the function that was called with them
 * @returns none for an engine on which there are no data sources
 * @throws InvalidOptionError for options that would have no effect
 */
export function ownDatabase(
  owner: string,
  options: EngineOptions,
  pool?: { readonly min?: number; readonly max?: number },
): DatabaseSource | undefined {
  if (!isType(options.type)) return undefined;
  const engine = engines[options.type];
  refuseOptions(owner, engine, { ...options }, false);
  const asked = { ...clientOptionsIn(owner, engine, options.extra), ...readPool(owner, pool) };
  return {
    clientName: undefined,
    open: async () => createDatabase({ clients: { default: await clientFor(options, asked) } }),
    close: (own, closeOptions) => own.close(closeOptions),
  };
}
