import { createDatabase, type Db, InvalidOptionError, statement } from '../../../index.ts';
import { type Given, UsageError } from '../command-line/command.ts';
import { withoutOwnWarnings } from '../terminal/quiet-warnings.ts';
import { harmless, wrapped } from '../terminal/text.ts';
import { addressOf, secretsOf, withoutSecrets } from './address.ts';
import { clientDefinition } from './client-definition.ts';
import { reasonOf, within } from './failure.ts';

/** How long the server may take to answer at the start, in milliseconds. */
const patience = 10_000;

/** What is done on a server. @returns the exit code */
export type Action = (db: Db) => Promise<number>;

/**
 * Does something on the database of `--url`, or of `DATABASE_URL`.
 * @param name that of the command, such as `sluice sagas`
 * @returns the exit code; 1 where the server cannot be used
 * @throws UsageError
 */
export async function onDatabase(name: string, { values }: Given, act: Action): Promise<number> {
  const url = values['url'] ?? process.env['DATABASE_URL'] ?? '';
  if (url === '') throw new UsageError(`"${name}" needs --url <URL>, or DATABASE_URL`);
  const address = addressOf(url, ['postgres', 'mysql']);
  withoutOwnWarnings();
  const pool = { max: 1, maxLevel: 0, budget: 1, acquireTimeout: patience };
  const definition = await clientDefinition(address, { ...pool, applicationName: name });
  const database = createDatabase({ clients: { default: definition }, lockProbeAfter: false });
  try {
    const obstacle = await within(patience, database.query(statement('select 1'))).then(
      () => undefined,
      (error: unknown) => withoutSecrets(reasonOf(error), secretsOf(address)),
    );
    if (obstacle === undefined) return await act(database.current);
    const target = harmless(definition.driver.target);
    console.error(wrapped(`${target} cannot be used: ${obstacle}. See whether it runs, and whether the URL is right.`));
    return 1;
  } catch (error) {
    // What was given to the command.
    if (error instanceof InvalidOptionError) throw new UsageError(error.message);
    throw error;
  } finally {
    await database.close({ timeout: 500 });
  }
}
