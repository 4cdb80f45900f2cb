import { outboxTablesSql } from '../../outbox/index.ts';

export function printOutboxSql(dialect: string): number {
  console.log(outboxTablesSql(dialect));
  return 0;
}
