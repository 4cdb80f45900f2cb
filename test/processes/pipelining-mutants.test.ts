import { describe } from 'vitest';
import { mariadbPipeliningMutants, pipeliningMutants } from '../checkers/pipelining-mutants.ts';
import { mutantSuite } from '../support/mutant-suite.ts';
import { describeWith } from '../support/servers.ts';

describe('pipelining with a part of what keeps it right taken out', () => mutantSuite(pipeliningMutants));
await describeWith('MariaDB', 'pipelining on MariaDB with a part of what keeps it right taken out', () =>
  mutantSuite(mariadbPipeliningMutants, 'mariadb'),
);
