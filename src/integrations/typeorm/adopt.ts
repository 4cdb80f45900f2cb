import { DataSource } from 'typeorm';
import { className, InvalidOptionError } from '../../core/index.ts';
import { AmbientDataSource } from './data-source.ts';
import { first } from './first.ts';
import type { OptionsOf } from './options.ts';
import { ownDatabase } from './own-database.ts';
import { oldPackageKey, refuseOldPackage } from './old-package.ts';

/**
 * Turns a DataSource that was made by `new` and is not initialized yet into one that joins the ambient transaction: the same
 * object, with a database of Sluice of its own. The first of a process is that of `getManager()`. For frameworks that make the data source, or its options, themselves.
 *
 * ```ts
 * import { DataSource } from 'typeorm';
 * const dataSource = adoptDataSource(
 *   new DataSource({ type: 'postgres', url: process.env.DATABASE_URL ?? '', entities: [] }),
 * );
 * await dataSource.initialize();
 * ```
 * @returns the data source that it was given; one of `createDataSource`, as it is
 * @throws InvalidOptionError for one that is initialized or that has a class of its own, and for options that would have no effect
 */
export function adoptDataSource(dataSource: DataSource): AmbientDataSource {
  if (dataSource instanceof AmbientDataSource) return dataSource;
  if (!(dataSource instanceof DataSource)) {
    throw refused(
      `is ${className(dataSource) ?? typeof dataSource}, which is no DataSource of the TypeORM that Sluice has loaded`,
      'Give what new DataSource(options) returns; "npm ls typeorm" shows whether there are two of it',
    );
  }
  if (oldPackageKey in dataSource) throw refuseOldPackage();
  if (dataSource.isInitialized) {
    throw refused(
      'is initialized, and has a pool of its own',
      'Give it before initialize(), or make it with createDataSource(options) of sluice/typeorm',
    );
  }
  if (Object.getPrototypeOf(dataSource) !== DataSource.prototype) {
    throw refused(
      `has a class of its own, ${className(dataSource) ?? 'without a name'}, whose methods Sluice does not know`,
      'Give one of the class DataSource itself, or one of createDataSource() of sluice/typeorm',
    );
  }
  const { options } = dataSource;
  const source = ownDatabase('A data source that Sluice adopts', options as OptionsOf<'postgres'>);
  if (source === undefined) {
    throw refused(
      `is of the type "${options.type.slice(0, 40)}"`,
      'Give one of the type "postgres", "mysql" or "mariadb"',
    );
  }
  const adopted = new AmbientDataSource(options, source, dataSource);
  first.dataSource ??= adopted;
  return adopted;
}

function refused(why: string, remedy: string): InvalidOptionError {
  return new InvalidOptionError({ what: `Sluice cannot adopt a data source that ${why}`, remedy });
}
