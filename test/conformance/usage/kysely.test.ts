import { openings, usages } from './kysely.ts';
import { usageSuite } from './suite.ts';

usageSuite('Kysely', openings, usages);
