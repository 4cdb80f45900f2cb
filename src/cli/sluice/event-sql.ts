import { eventTablesSql } from '../../events/index.ts';

export function printEventSql(dialect: string): number {
  console.log(eventTablesSql(dialect));
  return 0;
}
