import { openings } from './knex.ts';
import { byHand } from './knex-by-hand.ts';
import { migrations } from './knex-migrations.ts';
import { queries } from './knex-queries.ts';
import { transactions } from './knex-transactions.ts';
import { slowCommitSchema } from './slow-commit.ts';
import { usageSuite } from './suite.ts';

usageSuite('Knex', openings, [...transactions, ...byHand, ...queries, ...migrations], {}, ...slowCommitSchema);
