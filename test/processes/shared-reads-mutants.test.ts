import { describe } from 'vitest';
import { sharedReadsMutants } from '../checkers/shared-reads-mutants.ts';
import { mutantSuite } from '../support/mutant-suite.ts';

describe('shared reads with a part of what keeps them right taken out', () => mutantSuite(sharedReadsMutants));
