import { openings, schema } from './drizzle.ts';
import { features } from './drizzle-features.ts';
import { handles } from './drizzle-handles.ts';
import { transactions } from './drizzle-transactions.ts';
import { usageSuite } from './suite.ts';

const without = { 'implicit transactions': 'Drizzle begins none by itself' };

usageSuite('Drizzle', openings, [...transactions, ...handles, ...features], without, ...schema);
