import { openings } from './kysely.ts';
import { byHand } from './kysely-by-hand.ts';
import { migrations } from './kysely-migrations.ts';
import { queries } from './kysely-queries.ts';
import { transactions } from './kysely-transactions.ts';
import { slowCommitSchema } from './slow-commit.ts';
import { usageSuite } from './suite.ts';

usageSuite(
  'Kysely',
  openings,
  [...transactions, ...byHand, ...queries, ...migrations],
  {
    'implicit transactions': 'Kysely begins none but for migrations, which have a topic',
  },
  ...slowCommitSchema,
);
