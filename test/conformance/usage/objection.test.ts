import { openings, schema } from './objection.ts';
import { usages } from './objection-usages.ts';
import { usageSuite } from './suite.ts';

const ofKnex = 'it is that of Knex, which has usages of it';
usageSuite('Objection', openings, usages, { 'streams and cursors': ofKnex, migrations: ofKnex }, schema);
