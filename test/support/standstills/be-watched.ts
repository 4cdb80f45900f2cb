import type { Database } from '../../../src/index.ts';
import { joinFleet } from '../../../src/inspector/index.ts';
import { postgresFleet } from '../../../src/inspector/postgres/index.ts';

/** Lets this process be seen by an inspector of its fleet, and tell its parent of its holders; it ends with that. */
export function beWatched(database: Database, name: string, url: string): void {
  joinFleet(database, { name, fleet: postgresFleet({ connectionString: url }) });
  process.on('message', () => void database.holders().then((holders) => process.send?.(holders)));
  process.on('disconnect', () => process.exit());
}
