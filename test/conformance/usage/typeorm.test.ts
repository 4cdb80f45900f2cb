import { usageSuite } from './suite.ts';
import { openings, schema } from './typeorm.ts';
import { features } from './typeorm-features.ts';
import { handles } from './typeorm-handles.ts';
import { migrationsAndErrors } from './typeorm-migrations.ts';
import { transactions } from './typeorm-transactions.ts';

usageSuite('TypeORM', openings, [...transactions, ...handles, ...features, ...migrationsAndErrors], {}, ...schema);
