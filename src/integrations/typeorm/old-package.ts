import { InvalidOptionError } from '../../core/index.ts';

/** What typeorm-transactional writes on a data source that it was given. */
export const oldPackageKey = '@transactional/data-source';

/** Both at once would look right: its REQUIRES_NEW and NOT_SUPPORTED would join the ambient transaction. */
export function refuseOldPackage(): InvalidOptionError {
  return new InvalidOptionError({
    what: 'A data source of Sluice was given to typeorm-transactional, whose REQUIRES_NEW and NOT_SUPPORTED would silently join on it',
    remedy:
      'Import from "sluice/compat/typeorm-transactional" in place of "typeorm-transactional", and remove that package',
  });
}
