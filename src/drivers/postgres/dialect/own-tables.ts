import { fieldOf } from '../../../core/index.ts';
import type { TableDialect } from '../../../driver/index.ts';

/**
 * Makes one of a `create ... if not exists`, which several connections may run at the same time. PostgreSQL looks first and creates
 * then: who comes second waits for the first one's transaction, and fails when that commits, on an index of the catalog or because
 * the name is taken. Now it is there, and the second look finds it. As one statement it does the same for whatever runs SQL, and in
 * an open transaction, which the failure would end.
 */
export function createAtOnce(statement: string): string {
  return `do $sluice$ begin
${statement};
exception when unique_violation or duplicate_table or duplicate_object then
${statement};
end $sluice$`;
}

/** What all tables of Sluice's own have in common here. */
export const ownTables: Pick<TableDialect, 'atOnce' | 'isMissingTable'> = {
  atOnce: createAtOnce,
  isMissingTable: (error) => ['42P01', '42703'].includes(String(fieldOf(error, 'code'))),
};
