import type { Driver } from '../../driver/index.ts';
import { namesProduction } from '../production-names.ts';
import { ProductionDatabaseError } from './errors.ts';
import type { DatabaseServer } from './server.ts';

/** @throws ProductionDatabaseError where a process, a host, a database or a server looks like production */
export async function refuseProduction(driver: Driver, server: DatabaseServer): Promise<void> {
  refuseProductionProcess(driver);
  const { database, isReadOnly } = await server.about();
  if (namesProduction(database)) throw refusal(`the database is called "${database}"`);
  if (isReadOnly) throw refusal('the server is a standby or read-only');
}

/** The same as far as it can be told before there is a connection. */
export function refuseProductionProcess({ address }: Driver): void {
  if (process.env['NODE_ENV'] === 'production') throw refusal('NODE_ENV is "production"');
  if (namesProduction(address?.host ?? '')) throw refusal(`the host is called "${address?.host}"`);
}

function refusal(why: string): ProductionDatabaseError {
  return new ProductionDatabaseError({
    what: `Databases for tests were asked for in what looks like production: ${why}`,
    remedy: 'Let tests run on a server of their own, with NODE_ENV "test"',
  });
}
