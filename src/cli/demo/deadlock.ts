import { type Database, SluiceError } from '../../index.ts';
import { createTables } from './schema.ts';
import { createShop } from './shop.ts';

export interface DeadlockFigures {
  readonly code: string;
  readonly ms: number;
}

/**
 * The same nesting with levels switched off: the audit row is asked for at the very level that its
 * checkout holds, with one connection in all. Elsewhere this hangs.
 */
export async function showDeadlock(database: Database): Promise<DeadlockFigures & { readonly message: string }> {
  await createTables(database);
  const checkOut = createShop(database, { db: database.getDb({ level: 0 }), isSeparate: true });
  const start = performance.now();
  try {
    await checkOut({ orderId: 1, buyer: 1, items: [{ productId: 1, quantity: 1 }], declined: false });
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    return { code: error.code, ms: Math.round(performance.now() - start), message: error.message };
  }
  return { code: 'NONE', ms: Math.round(performance.now() - start), message: 'It did not deadlock, which is wrong.' };
}
