import { reviewTable } from '../../support/prisma-client.ts';
import { openings } from './prisma.ts';
import { queries } from './prisma-queries.ts';
import { results } from './prisma-results.ts';
import { transactions } from './prisma-transactions.ts';
import { usageSuite } from './suite.ts';

usageSuite(
  'Prisma',
  openings,
  [...transactions, ...queries, ...results],
  { 'streams and cursors': 'Prisma has none' },
  reviewTable,
);
