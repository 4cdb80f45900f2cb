import { features } from './mikro-orm-features.ts';
import { openings, reviewTable } from './mikro-orm.ts';
import { results } from './mikro-orm-results.ts';
import { handles } from './mikro-orm-handles.ts';
import { transactions } from './mikro-orm-transactions.ts';
import { usageSuite } from './suite.ts';

usageSuite('MikroORM', openings, [...transactions, ...handles, ...features, ...results], {}, reviewTable);
