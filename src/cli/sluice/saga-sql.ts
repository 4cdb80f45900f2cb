import { sagaTablesSql } from '../../saga/index.ts';

export function printSagaSql(dialect: string): number {
  console.log(sagaTablesSql(dialect));
  return 0;
}
