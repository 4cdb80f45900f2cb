import { mutants } from '../checkers/mutants.ts';
import { mutantSuite } from '../support/mutant-suite.ts';
import { describeWith } from '../support/servers.ts';

await describeWith('Redis', 'a cache with a part of what keeps it right taken out', () => mutantSuite(mutants));
