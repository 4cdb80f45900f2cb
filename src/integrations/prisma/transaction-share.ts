import { assertBegun } from '../../library/index.ts';

/** What is used of a client of Prisma. */
export interface PrismaLike {
  $transaction(work: unknown, options?: object): Promise<unknown>;
}

/** Longer than any transaction: Sluice has limits of its own. */
const longest = 2_147_483_647;

/** Opens an interactive transaction that lasts as long as the ambient one, for which it stands. */
export function openShare(prisma: PrismaLike, onEnd: (end: () => void) => void): Promise<object> {
  const opened = Promise.withResolvers<object>();
  // A query may be made and never awaited.
  opened.promise.catch(() => {});
  const ended = Promise.withResolvers<void>();
  onEnd(ended.resolve);
  const body = async (client: object): Promise<void> => {
    assertBegun('Prisma');
    opened.resolve(client);
    await ended.promise;
  };
  // Its outcome is reported by the ambient transaction; only a failure to open it rejects here.
  prisma.$transaction(body, { timeout: longest, maxWait: longest }).catch(opened.reject);
  return opened.promise;
}
