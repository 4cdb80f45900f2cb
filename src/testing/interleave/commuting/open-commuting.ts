import type { TransactionalClient } from '../../../connection/index.ts';
import { openAsk } from '../ask.ts';
import { type Catalog, type CatalogQuestions, readCatalog } from './catalog.ts';
import { Commuting } from './commuting.ts';
import { mysqlCatalog } from './mysql.ts';
import { postgresCatalog } from './postgres.ts';

const questions: ReadonlyMap<string, CatalogQuestions> = new Map([
  ['postgres', postgresCatalog],
  ['mysql', mysqlCatalog],
]);

/**
 * What is known of the databases of clients: an engine that is not known has none.
 * @throws InterleaveSetupError where the catalog cannot be read
 */
export async function openCommuting(clients: readonly TransactionalClient[]): Promise<Commuting> {
  const catalogs = new Map<TransactionalClient, Catalog>();
  for (const client of clients) {
    const asked = questions.get(client.driver.dialect);
    if (asked === undefined) continue;
    const { ask, close } = await openAsk(client, 'Let its user read the catalog, or say reduce: false');
    try {
      catalogs.set(client, await readCatalog(ask, asked));
    } finally {
      await close();
    }
  }
  return new Commuting(catalogs);
}
