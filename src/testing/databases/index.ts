export { ProductionDatabaseError, TestDatabaseError } from './errors.ts';
export { type TestDatabase, testDatabases, type TestDatabasesOptions } from './test-databases.ts';
