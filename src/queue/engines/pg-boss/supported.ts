import * as bossPackage from 'pg-boss';
import type { PgBoss } from 'pg-boss';
import { isInstalledBefore, unsupportedLibrary } from '../../../core/index.ts';

const library = 'pg-boss';
/** The first whose jobs give signs of life by attempt, by which lost workers are found. */
const oldest = '12.35';

/** What this one exports; those before 12 are a class themselves. */
const exported: { readonly PgBoss?: typeof PgBoss } = bossPackage;

/** @throws UnsupportedLibraryError */
export function supportedBoss(): typeof PgBoss {
  const { PgBoss: Boss } = exported;
  if (Boss !== undefined && !isInstalledBefore(library, oldest)) return Boss;
  throw unsupportedLibrary({ by: 'pgBoss', library, needs: `>=${oldest}`, lacks: 'heartbeats of attempts' });
}
