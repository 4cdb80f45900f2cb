import { InvalidOptionError } from '../core/index.ts';
import { clientOf, type Db } from '../database/index.ts';
import type { EngineDialect, TableDialect } from '../driver/index.ts';
import { mysqlDialect } from '../drivers/mysql/dialect/index.ts';
import { postgresDialect } from '../drivers/postgres/dialect/index.ts';
import { sqliteDialect } from '../drivers/sqlite/dialect/index.ts';

/** Those of the engines that come with Sluice, for tables that are asked for by name, with no driver at hand. */
export const ownDialects: readonly EngineDialect[] = [postgresDialect, mysqlDialect, sqliteDialect];

/** Finds the part of an engine's dialect that brings some tables. */
export interface DialectPart<Part extends TableDialect> {
  /** That of the engine which a handle stands on. @throws InvalidOptionError */
  of(db: Db): Part;
  /** That of an engine by name. @throws InvalidOptionError */
  named(dialect: string): Part;
}

/**
 * A part of the own dialects, or of that of a driver from outside.
 * @param what names it to users: "no sagas"
 */
export function dialectPart<Part extends TableDialect>(
  what: string,
  pick: (dialect: EngineDialect) => Part | undefined,
): DialectPart<Part> {
  const named = (name: string): Part => {
    const own = ownDialects.find(({ dialect }) => dialect === name);
    const part = own === undefined ? undefined : pick(own);
    if (part !== undefined) return part;
    throw new InvalidOptionError({
      what: `The engine "${name}" has ${what}`,
      remedy: `Use one of: ${ownDialects.map(({ dialect }) => dialect).join(', ')}`,
    });
  };
  return {
    named,
    of(db) {
      const { driver } = clientOf(db);
      return pick(driver) ?? named(driver.dialect);
    },
  };
}
