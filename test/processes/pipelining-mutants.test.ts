import { describe } from 'vitest';
import { pipeliningMutants } from '../checkers/pipelining-mutants.ts';
import { mutantSuite } from '../support/mutant-suite.ts';

describe('pipelining with a part of what keeps it right taken out', () => mutantSuite(pipeliningMutants));
