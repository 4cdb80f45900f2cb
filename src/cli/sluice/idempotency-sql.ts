import { idempotencyTablesSql } from '../../idempotency/index.ts';

export function printIdempotencySql(dialect: string): number {
  console.log(idempotencyTablesSql(dialect));
  return 0;
}
