import { InvalidOptionError } from '../../index.ts';

/** MikroORM's configuration. */
interface Configuration {
  get(name: never): unknown;
}

interface Option {
  readonly isGiven: (value: unknown) => boolean;
  /** Where it belongs. */
  readonly remedy: string;
}

/** What MikroORM does with connections that it opens itself. */
const ofConnections: Readonly<Record<string, Option>> = {
  replicas: {
    isGiven: (value) => Array.isArray(value) && value.length > 0,
    remedy: 'Make a second client of the database for them, and an ORM over its pool',
  },
  pool: {
    isGiven: (value) => typeof value === 'object' && value !== null && Object.keys(value).length > 0,
    remedy: 'Give max and its kin to postgres()',
  },
  onCreateConnection: { isGiven, remedy: 'Give it to the dialect in driverOptions' },
  onReserveConnection: { isGiven, remedy: 'Give it to the dialect in driverOptions' },
  sessionContext: { isGiven: (value) => value === 'connection', remedy: 'Use the strategy "transaction"' },
};

/** @throws InvalidOptionError for what would have no effect over an ambient pool */
export function refuseConnectionOptions(configuration: Configuration): void {
  for (const [name, option] of Object.entries(ofConnections)) {
    if (!option.isGiven(configuration.get(name as never))) continue;
    throw new InvalidOptionError({
      what: `bindMikroOrm was given an ORM with the option "${name}", which has no effect on the connections of a database`,
      remedy: option.remedy,
    });
  }
}

function isGiven(value: unknown): boolean {
  return value !== undefined;
}
